"""The state of an embedding on the CPU: vectors, and the operations of an iteration on them."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from basemodel_ops.cleora import block_matmul, kernels, layout
from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.cleora.markov_weights import MarkovWeights, markov_weights_of
from basemodel_ops.cleora.memory import available
from basemodel_ops.cleora.simd import SIMD_WIDTH

NO_WEIGHTS = np.zeros(0, np.float32)


class CpuVectors:
    """Vectors (nodes, dimension) in memory, as blocks of columns; every operation replaces them."""

    def __init__(self, blocks: np.ndarray, dimension: int, order: np.ndarray, markov_weights: MarkovWeights) -> None:
        self.blocks, self.dimension = blocks, dimension
        self.order, self.markov_weights, self.connected = order, markov_weights, markov_weights.connected
        self._row = np.empty(len(order), np.int32)
        self._row[order] = np.arange(len(order), dtype=np.int32)
        self._graph: tuple[Hypergraph, np.ndarray] | None = None
        self._targets: list[np.ndarray] = []
        self._sums: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, vectors: np.ndarray, degree: np.ndarray, hyperedges: np.ndarray) -> "CpuVectors":
        """Given vectors within [-1, 1], float32 (nodes, dimension)."""
        order = busiest_first(hyperedges)
        markov_weights = markov_weights_of(degree[order], hyperedges[order])
        return cls(layout.to_blocks(vectors, order), vectors.shape[1], order, markov_weights)

    @classmethod
    def start(
        cls, hashes: np.ndarray, dimension: int, seed: int, degree: np.ndarray, hyperedges: np.ndarray
    ) -> "CpuVectors":
        """The start in U(-1, 1) from the hashes of the ids.

        Args:
            hashes: Of the ids, uint64 (nodes,).
            dimension: Length of a vector.
            seed: Seed of the start.
            degree: Weight of all incidences of a node, float64 (nodes,).
            hyperedges: Number of hyperedges of a node, int64 (nodes,).
        """
        order = busiest_first(hyperedges)
        markov_weights = markov_weights_of(degree[order], hyperedges[order])
        return cls(layout.hashed_blocks(hashes[order], dimension, seed), dimension, order, markov_weights)

    @staticmethod
    def threads() -> int:
        """Threads that share the columns."""
        return numba.get_num_threads()

    @staticmethod
    def available() -> int:
        """Bytes that may still be taken."""
        return available()

    def _arrays(self, graph: Hypergraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts, members as rows of a block, and weights; the members of the last hypergraph are kept."""
        if self._graph is None or self._graph[0] is not graph:
            self._graph = graph, self._row[graph.edge_nodes]
        return graph.edge_start, self._graph[1], NO_WEIGHTS if graph.weights is None else graph.weights

    def step(self, graph: Hypergraph, is_centred: bool) -> np.ndarray:
        """M T, centred if asked; the mean (dimension,)."""
        arrays, markov_weights = self._arrays(graph), self.markov_weights
        mean = np.zeros((len(self.blocks), SIMD_WIDTH), np.float32)

        def work(block: int) -> None:
            target = self._targets.pop() if self._targets else np.empty(self.blocks.shape[1], np.int32)
            kernels.step_block(
                *arrays,
                markov_weights.inverse,
                markov_weights.hubs,
                markov_weights.hub_inverse,
                is_centred,
                self.connected,
                self.blocks[block],
                target,
                mean[block],
            )
            self._targets.append(target)

        # Threads take the next block when they are free: numba would deal them out beforehand, and wait for the
        # thread whose core something else uses.
        with ThreadPoolExecutor(numba.get_num_threads()) as threads:
            list(threads.map(work, range(len(self.blocks))))
        return mean.reshape(-1)[: self.dimension]

    def _running(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the chunks so far, of the nodes int32 and of the hubs int64."""
        if self._sums is None:
            hub_sums = np.zeros((len(self.blocks), len(self.markov_weights.hubs) * SIMD_WIDTH), np.int64)
            self._sums = np.zeros(self.blocks.shape, np.int32), hub_sums
        return self._sums

    def add_chunk(self, graph: Hypergraph) -> None:
        """Add a chunk of hyperedges to the step that `finish_chunks` ends."""
        markov_weights, arrays = self.markov_weights, self._arrays(graph)
        self._graph = None
        kernels.add_chunk(*arrays, markov_weights.inverse, markov_weights.hub_inverse, self.blocks, *self._running())

    def finish_chunks(self, is_centred: bool) -> np.ndarray:
        """The step over all chunks; returns as `step`."""
        markov_weights, (sums, hub_sums) = self.markov_weights, self._running()
        # The sums turn into the vectors where they lie, and the vectors' memory becomes the next step's sums.
        self.blocks, spare = sums.view(np.float32), self.blocks.view(np.int32)
        mean = kernels.finish_chunks(
            sums, hub_sums, markov_weights.inverse, markov_weights.hubs, is_centred, self.connected, self.blocks
        )
        spare[:] = 0
        hub_sums[:] = 0
        self._sums = spare, hub_sums
        return mean[: self.dimension]

    def covariance(self) -> np.ndarray:
        """Covariance of the centred connected rows, float64 (dimension, dimension)."""
        total = block_matmul.covariance(self.blocks, numba.get_num_threads())
        return total[: self.dimension, : self.dimension] / max(self.connected, 1)

    def whiten(self, whitening: np.ndarray) -> None:
        """Rows times the map, then to unit length."""
        wide = len(self.blocks) * SIMD_WIDTH
        padded = np.zeros((wide, wide), np.float32)
        padded[: self.dimension, : self.dimension] = whitening
        columns = padded.reshape(wide, len(self.blocks), SIMD_WIDTH).transpose(1, 0, 2)
        block_matmul.whiten_rows(
            self.blocks, np.ascontiguousarray(columns).reshape(len(self.blocks), wide * SIMD_WIDTH)
        )

    def normalise(self) -> None:
        """Rows to unit length."""
        layout.unit_rows(self.blocks)

    def clear_isolated(self) -> None:
        """Zero vectors for nodes without neighbours."""
        isolated = np.flatnonzero(self.markov_weights.inverse == 0)
        if len(isolated):
            self.blocks.reshape(len(self.blocks), -1, SIMD_WIDTH)[:, isolated] = 0

    def take(self) -> np.ndarray:
        """A copy of the vectors, float32 (nodes, dimension)."""
        return layout.to_rows(self.blocks, self.order, self.dimension)

    def release(self) -> np.ndarray:
        """The vectors, float32 (nodes, dimension), in the memory of the state where they fit; it is used up."""
        if self.dimension % SIMD_WIDTH:
            return self.take()
        layout.turn_to_rows(self.blocks, self.order)
        return self.blocks.reshape(len(self.order), self.dimension)


def busiest_first(hyperedges: np.ndarray) -> np.ndarray:
    """Nodes by falling number of hyperedges, int64 (nodes,)."""
    return np.argsort(-hyperedges, kind="stable")
