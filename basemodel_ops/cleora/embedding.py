"""Cleora iterations T <- D^-1 H (diag(1/n) (H' T)), whitened and brought to unit length each time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.cleora.kernels import gather_means, hashed_start


@dataclass(frozen=True)
class Embedding:
    """Vectors of unit length (zero for nodes without neighbours) and what it takes to embed unseen ones."""

    vectors: np.ndarray  # (nodes, dimension) float32
    previous: np.ndarray  # (nodes, dimension) float32, before the last step
    mean: np.ndarray  # (dimension,) of the last step
    whitening: np.ndarray  # (dimension, dimension) of the last step


def hash_ids(ids: Sequence[object]) -> np.ndarray:
    """A stable 64-bit hash per id, the same on any machine."""
    return np.array(
        [int.from_bytes(hashlib.blake2b(str(value).encode(), digest_size=8).digest(), "little") for value in ids],
        dtype=np.uint64,
    )


def propagate(graph: Hypergraph, vectors: np.ndarray) -> np.ndarray:
    """One step M T, float32 (nodes, dimension).

    Each hyperedge of size n weighs a node by 1/n towards every member, so a node's row of A sums to its number of
    hyperedges: the Markov step is the mean over hyperedges of the hyperedges' means.
    """
    return gather_means(graph.node_start, graph.node_edges, gather_means(graph.edge_start, graph.edge_nodes, vectors))


def fit_whitening(vectors: np.ndarray, connected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (dimension,) and symmetric PCA whitening (dimension, dimension) of the connected rows."""
    rows = vectors[connected].astype(np.float64)
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / max(len(rows), 1)
    values, directions = np.linalg.eigh(covariance)
    # Directions without variance stay without: dividing by rounding noise would invent structure.
    floor = max(values.max(), 0.0) * 1e-6 + 1e-12
    scale = np.where(values > floor, 1 / np.sqrt(np.maximum(values, floor)), 0.0)
    return mean.astype(np.float32), (directions * scale @ directions.T).astype(np.float32)


def to_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows at L2 length 1; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def embed(
    graph: Hypergraph, ids: Sequence[object], dimension: int, iterations: int, whiten: bool = True, seed: int = 0
) -> Embedding:
    """Vectors of all nodes.

    Args:
        graph: Hypergraph over `len(ids)` nodes.
        ids: The nodes' ids; equal ids start equal, on any machine.
        dimension: Length of a vector.
        iterations: Steps; plain steps collapse where few things are in most hyperedges, whitened ones do not.
        whiten: Centre and whiten before the L2 step.
        seed: Seed of the start.
    """
    connected = np.diff(graph.node_start) > 0
    vectors = hashed_start(hash_ids(ids), dimension, seed)
    previous, mean, whitening = vectors, np.zeros(dimension, np.float32), np.eye(dimension, dtype=np.float32)
    for _ in range(iterations if connected.any() else 0):
        previous, vectors = vectors, propagate(graph, vectors)
        if whiten:
            mean, whitening = fit_whitening(vectors, connected)
            vectors = (vectors - mean) @ whitening
        vectors = to_unit_length(vectors)
        vectors[~connected] = 0
    vectors[~connected] = 0
    return Embedding(vectors, previous, mean, whitening)


def embed_unseen(embedding: Embedding, neighbours: Sequence[np.ndarray]) -> np.ndarray:
    """Vectors of new nodes from the hyperedges they share with known nodes, float32 (new, dimension).

    Args:
        embedding: The embedding of the known nodes.
        neighbours: Per new node the known nodes seen with it; negative ones are unknown; may be empty.
    """
    rows = np.zeros((len(neighbours), embedding.vectors.shape[1]), np.float32)
    for row, nodes in zip(rows, neighbours, strict=True):
        known = nodes[nodes >= 0]
        if len(known):
            row[:] = (embedding.previous[known].mean(axis=0) - embedding.mean) @ embedding.whitening
    return to_unit_length(rows)
