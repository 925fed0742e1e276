"""Cleora iterations T <- D^-1 H (diag(1/n) (H' T)), centred and whitened if asked, to unit length each time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from basemodel_ops.cleora import memory
from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.cleora.device import vectors_on
from basemodel_ops.cleora.hypergraph import Hypergraph, build_hypergraph
from basemodel_ops.cleora.ids import hash_ids
from basemodel_ops.cleora.incidences import check_edges
from basemodel_ops.cleora.sorting import ranks
from basemodel_ops.cleora.whitening import whitening_of
from basemodel_ops.errors import DataError, SettingsError

Ids = Sequence[object] | np.ndarray | pa.Array | pa.ChunkedArray
"""Ids of the nodes, in the order of their indices."""


@dataclass(frozen=True)
class Embedding:
    """Vectors of unit length (zero for nodes without neighbours) and what it takes to embed unseen ones."""

    vectors: np.ndarray  # (nodes, dimension) float32
    previous: np.ndarray  # (nodes, dimension) float32, before the last step; (0, dimension) if not kept
    mean: np.ndarray  # (dimension,) of the last step; zero if not centred
    whitening: np.ndarray  # (dimension, dimension) of the last step; the identity if not whitened


def to_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows at L2 length 1, float32 (rows, dimension); zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros(vectors.shape, np.float32), where=length > 0)


def embed(
    graph: Hypergraph,
    ids: Ids,
    dimension: int,
    iterations: int,
    whiten: bool = True,
    seed: int = 0,
    *,
    center: bool = False,
    keep_previous: bool = True,
    device: str = "auto",
    memory_limit: int | None = None,
) -> Embedding:
    """Vectors of all nodes. The same bytes for any order of the incidences and any number of threads.

    Args:
        graph: Hypergraph over `len(ids)` nodes.
        ids: The nodes' ids; equal ids start equal, on any machine.
        dimension: Length of a vector.
        iterations: Steps; plain steps collapse where few items are in most hyperedges, whitened ones do not.
        whiten: Centre and whiten before the L2 step.
        seed: Seed of the start.
        center: Centre before the L2 step where it is not whitened.
        keep_previous: Keep the vectors before the last step, which unseen nodes need.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
        memory_limit: Bytes that the embedding may take beside the hypergraph; what is available if not given.

    Raises:
        DataError: the number of ids is not the graph's number of nodes.
        SettingsError: a setting is out of its bounds, or the embedding does not fit.
    """
    _check(ids, graph.nodes, dimension, iterations)
    kind = vectors_on(device)
    need = memory.estimate(graph.nodes, dimension, kind.threads(), keep_previous, whiten, graph.incidences)
    way_out = "Lower the dimension, leave out keep_previous, or shard the nodes."
    memory.refuse_beyond(need, kind.available() if memory_limit is None else memory_limit, way_out)
    state = kind.start(hash_ids(ids), dimension, seed, graph.degree, graph.hyperedges)

    return _iterate(state, lambda is_centred: state.step(graph, is_centred), iterations, whiten, center, keep_previous)


def embed_stream(
    chunks: Callable[[], Iterable[tuple[np.ndarray, ...]]],
    ids: Ids,
    dimension: int,
    iterations: int,
    whiten: bool = True,
    seed: int = 0,
    *,
    center: bool = False,
    keep_previous: bool = True,
    cap: int | None = None,
    device: str = "auto",
    memory_limit: int | None = None,
) -> Embedding:
    """Vectors of all nodes as `embed`, to the byte, while holding one chunk of incidences at a time.

    The chunks are read `iterations + 1` times, the first time for degrees. Their order does not matter where weights
    are absent or whole numbers; else the degrees' last bit may differ.

    Args:
        chunks: Starts reading from the first chunk: (nodes, hyperedge ids) or (nodes, hyperedge ids, weights) each, as
            `build_hypergraph` takes them. All rows of a hyperedge are in one chunk: order by it.
        ids: The nodes' ids.
        dimension: Length of a vector.
        iterations: Steps.
        whiten: Centre and whiten before the L2 step.
        seed: Seed of the start.
        center: Centre before the L2 step where it is not whitened.
        keep_previous: Keep the vectors before the last step.
        cap: Most nodes of a hyperedge.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
        memory_limit: Bytes that the embedding and a chunk may take; what is available if not given.

    Raises:
        DataError: as `build_hypergraph`; or a hyperedge goes on in the next chunk.
        SettingsError: a setting is out of its bounds, or the embedding does not fit.
    """
    _check(ids, len(ids), dimension, iterations)
    kind = vectors_on(device)
    limit = kind.available() if memory_limit is None else memory_limit

    def graph_of(nodes: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None) -> Hypergraph:
        need = memory.estimate(len(ids), dimension, kind.threads(), keep_previous, whiten, chunk=len(nodes))
        memory.refuse_beyond(need, limit, "Lower the dimension or the rows in a chunk, or shard the nodes.")
        return build_hypergraph(nodes, edges, len(ids), weights, cap)

    degree, hyperedges = _degrees(chunks, graph_of, len(ids))
    state = kind.start(hash_ids(ids), dimension, seed, degree, hyperedges)

    def step(is_centred: bool) -> np.ndarray:
        for chunk in chunks():
            state.add_chunk(graph_of(*chunk))
        return state.finish_chunks(is_centred)

    return _iterate(state, step, iterations, whiten, center, keep_previous)


def _degrees(
    chunks: Callable[[], Iterable[tuple[np.ndarray, ...]]], graph_of: Callable[..., Hypergraph], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of all incidences and number of hyperedges of each node, (nodes,) each.

    Raises:
        DataError: a hyperedge goes on in the next chunk.
    """
    degree, hyperedges = np.zeros(count), np.zeros(count, np.int64)
    last = np.zeros(0, np.int64)
    for chunk in chunks():
        graph, (here, _) = graph_of(*chunk), ranks(check_edges(chunk[1], len(chunk[0])))
        both = np.intersect1d(here, last, assume_unique=True)
        if len(both):
            raise DataError(
                f"{len(both)} hyperedges stand in two chunks, {both[0]} among them. Order the rows by hyperedge and "
                f"cut chunks between hyperedges."
            )
        last = here
        degree += graph.degree
        hyperedges += graph.hyperedges
    return degree, hyperedges


def _check(ids: Ids, nodes: int, dimension: int, iterations: int) -> None:
    if len(ids) != nodes:
        raise DataError(f"{len(ids)} ids for a hypergraph of {nodes} nodes; give one id per node.")
    if dimension < 1 or iterations < 0:
        raise SettingsError(f"Dimension {dimension} and {iterations} iterations; give 1 or more, and 0 or more.")


def _iterate(
    state: CpuVectors,
    step: Callable[[bool], np.ndarray],
    iterations: int,
    whiten: bool,
    center: bool,
    keep_previous: bool,
) -> Embedding:
    dimension = state.dimension
    previous = np.zeros((0, dimension), np.float32)
    mean, whitening = np.zeros(dimension, np.float32), np.eye(dimension, dtype=np.float32)
    for iteration in range(iterations if state.connected else 0):
        if keep_previous and iteration == iterations - 1:
            previous = state.take()
        mean = step(whiten or center)
        if whiten:
            whitening = whitening_of(state.covariance())
            state.whiten(whitening)
        else:
            state.normalise()
    state.clear_isolated()
    vectors = state.release()
    if keep_previous and len(previous) == 0:
        previous = vectors
    return Embedding(vectors, previous, mean, whitening)
