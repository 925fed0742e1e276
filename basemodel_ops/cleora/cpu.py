"""The state of an embedding on the CPU: vectors, and the operations of an iteration on them."""

import numba
import numpy as np

from basemodel_ops.cleora import kernels
from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.cleora.memory import ROW_BLOCK, available
from basemodel_ops.cleora.shares import Shares

COLUMN_BLOCK = 64
"""Columns that are whitened together."""

NO_WEIGHTS = np.zeros(0, np.float32)


class CpuVectors:
    """Vectors (nodes, dimension) in memory; every operation replaces them."""

    def __init__(self, vectors: np.ndarray, shares: Shares) -> None:
        self.vectors = vectors
        self.shares, self.connected = shares, shares.connected
        self._scratch = kernels.scratch(len(vectors), len(shares.hubs), vectors.shape[1])
        self._sums: np.ndarray | None = None
        self._hub_sums: np.ndarray | None = None

    @classmethod
    def start(cls, hashes: np.ndarray, dimension: int, seed: int, shares: Shares) -> "CpuVectors":
        """The start in U(-1, 1) from the hashes of the ids."""
        return cls(kernels.hashed_start(hashes, dimension, seed), shares)

    @staticmethod
    def available() -> int:
        """Bytes that may still be taken."""
        return available()

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.vectors.shape[1]

    @staticmethod
    def threads() -> int:
        """Threads that share the columns."""
        return numba.get_num_threads()

    def step(self, graph: Hypergraph, is_centred: bool, keeps: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """M T, centred if asked; the mean (dimension,), and the vectors before if they are to be kept."""
        previous, mean = self.vectors, np.empty(self.vectors.shape[1], np.float32)
        out = np.empty_like(previous) if keeps else previous
        weights = NO_WEIGHTS if graph.weights is None else graph.weights
        kernels.step(
            graph.edge_start, graph.edge_nodes, weights, self.shares.inverse, self.shares.hubs,
            self.shares.hub_inverse, is_centred, self.connected, previous, out, mean, *self._scratch,
        )  # fmt: skip
        self.vectors = out
        return mean, previous if keeps else None

    def add_chunk(self, graph: Hypergraph) -> None:
        """Add a chunk of hyperedges to the step that `finish_chunks` ends."""
        sums, hub_sums = self._running()
        weights = NO_WEIGHTS if graph.weights is None else graph.weights
        kernels.add_chunk(
            graph.edge_start, graph.edge_nodes, weights, self.shares.inverse, self.shares.hub_inverse, self.vectors,
            sums, hub_sums, *self._scratch,
        )  # fmt: skip

    def _running(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the chunks so far, of the nodes int32 and of the hubs int64."""
        if self._sums is None:
            self._sums = np.zeros(self.vectors.shape, np.int32)
        if self._hub_sums is None:
            self._hub_sums = np.zeros((len(self.shares.hubs), self.dimension), np.int64)
        return self._sums, self._hub_sums

    def finish_chunks(self, is_centred: bool, keeps: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """The step over all chunks; returns as `step`."""
        previous, mean = self.vectors, np.empty(self.vectors.shape[1], np.float32)
        sums, hub_sums = self._running()
        self.vectors, self._hub_sums = sums.view(np.float32), None
        kernels.finish_chunks(
            sums, hub_sums, self.shares.inverse, self.shares.hubs, is_centred, self.connected, self.vectors, mean
        )
        # The memory of the vectors before becomes the next step's sums, unless it is to be kept.
        self._sums = None if keeps else previous.view(np.int32)
        if self._sums is not None:
            self._sums[:] = 0
        return mean, previous if keeps else None

    def covariance(self) -> np.ndarray:
        """Covariance of the centred connected rows, float64 (dimension, dimension)."""
        dimension = self.vectors.shape[1]
        total, part = np.zeros((dimension, dimension)), np.empty((dimension, dimension), np.float32)
        for first in range(0, len(self.vectors), ROW_BLOCK):
            rows = self.vectors[first : first + ROW_BLOCK]
            np.matmul(rows.T, rows, out=part)
            total += part
        return total / max(self.connected, 1)

    def whiten(self, whitening: np.ndarray) -> None:
        """Rows times the map, then to unit length."""
        dimension = self.vectors.shape[1]
        block = np.empty((min(ROW_BLOCK, len(self.vectors)), dimension), np.float32)
        for first in range(0, len(self.vectors), ROW_BLOCK):
            rows = self.vectors[first : first + ROW_BLOCK]
            for low in range(0, dimension, COLUMN_BLOCK):
                high = min(low + COLUMN_BLOCK, dimension)
                # The map is upper triangular: a column takes nothing from the columns after it.
                np.matmul(rows[:, :high], whitening[:high, low:high], out=block[: len(rows), low:high])
            # On one thread, while the block is in the cache: waking numba's threads between two BLAS calls has both
            # libraries' idle threads spin against each other, which made whitening three times slower.
            kernels.unit_block(block[: len(rows)], rows)

    def normalise(self) -> None:
        """Rows to unit length."""
        kernels.unit_rows(self.vectors, self.vectors)

    def clear_isolated(self) -> None:
        """Zero vectors for nodes without neighbours."""
        self.vectors[self.shares.inverse == 0] = 0

    def take(self) -> np.ndarray:
        """The vectors, float32 (nodes, dimension), in host memory."""
        return self.vectors
