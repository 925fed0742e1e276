"""The state of an embedding on the CPU: vectors, and the operations of an iteration on them."""

import numba
import numpy as np

from basemodel_ops.cleora import kernels
from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.cleora.memory import ROW_BLOCK, available

COLUMN_BLOCK = 64
"""Columns that are whitened together."""

NO_WEIGHTS = np.zeros(0, np.float32)


def inverse_degree(degree: np.ndarray) -> np.ndarray:
    """2^30 / degree, 0 for isolated nodes, float32 (nodes,)."""
    with np.errstate(divide="ignore"):
        return np.where(degree > 0, kernels.UNIT / degree, 0).astype(np.float32)


class CpuVectors:
    """Vectors (nodes, dimension) in memory; every operation replaces them."""

    def __init__(self, vectors: np.ndarray, degree: np.ndarray) -> None:
        self.vectors = vectors
        self.inverse = inverse_degree(degree)
        self.connected = int(np.count_nonzero(self.inverse))
        self._scratch = kernels.scratch(*vectors.shape)
        self._sums: np.ndarray | None = None

    @classmethod
    def start(cls, hashes: np.ndarray, dimension: int, seed: int, degree: np.ndarray) -> "CpuVectors":
        """The start in U(-1, 1) from the hashes of the ids."""
        return cls(kernels.hashed_start(hashes, dimension, seed), degree)

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
            graph.edge_start, graph.edge_nodes, weights, self.inverse, is_centred, self.connected,
            previous, out, mean, *self._scratch,
        )  # fmt: skip
        self.vectors = out
        return mean, previous if keeps else None

    def add_chunk(self, graph: Hypergraph) -> None:
        """Add a chunk of hyperedges to the step that `finish_chunks` ends."""
        if self._sums is None:
            self._sums = np.zeros(self.vectors.shape, np.int32)
        weights = NO_WEIGHTS if graph.weights is None else graph.weights
        kernels.add_chunk(
            graph.edge_start, graph.edge_nodes, weights, self.inverse, self.vectors, self._sums, *self._scratch
        )

    def finish_chunks(self, is_centred: bool, keeps: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """The step over all chunks; returns as `step`."""
        previous, mean = self.vectors, np.empty(self.vectors.shape[1], np.float32)
        sums = np.zeros(previous.shape, np.int32) if self._sums is None else self._sums
        self.vectors = sums.view(np.float32)
        kernels.finish_chunks(sums, self.inverse, is_centred, self.connected, self.vectors, mean)
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
            kernels.unit_rows(block[: len(rows)], rows)

    def normalise(self) -> None:
        """Rows to unit length."""
        kernels.unit_rows(self.vectors, self.vectors)

    def clear_isolated(self) -> None:
        """Zero vectors for nodes without neighbours."""
        self.vectors[self.inverse == 0] = 0

    def take(self) -> np.ndarray:
        """The vectors, float32 (nodes, dimension), in host memory."""
        return self.vectors
