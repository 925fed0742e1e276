"""The state of an embedding on a GPU, by CuPy: the same operations as `cpu`, the same integer sums.

A step equals the CPU's to the byte; whitening and L2 sum in another order and equal it to float32 rounding.
"""

from pathlib import Path
from typing import Any

import cupy  # pyright: ignore[reportMissingImports]
import numpy as np

from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.cleora.incidences import check_count
from basemodel_ops.cleora.markov_weights import HUB_BITS, UNIT, MarkovWeights, markov_weights_of

SOURCE = Path(__file__).with_name("cuda.cu")

WARPS = 8
"""Warps of a block: hyperedges or rows that run beside each other."""

TILE = 128
"""Columns of a warp, as in the source."""

FLAT = (4096, 256)
"""Grid and block of the kernels that go over all elements."""


class CudaVectors:
    """Vectors (nodes, dimension) in device memory; every operation replaces them."""

    def __init__(self, vectors: Any, markov_weights: MarkovWeights) -> None:
        self._kernels = cupy.RawModule(code=SOURCE.read_text())
        self.vectors = cupy.asarray(vectors, cupy.float32)
        self.inverse, self.connected = cupy.asarray(markov_weights.inverse), markov_weights.connected
        self.hubs, self.hub_inverse = cupy.asarray(markov_weights.hubs), cupy.asarray(markov_weights.hub_inverse)
        self._graph: tuple[Hypergraph, tuple[Any, Any, Any]] | None = None
        self._sums: Any = None
        self._hub_sums = cupy.zeros((max(1, len(markov_weights.hubs)), self.dimension), cupy.int64)

    @classmethod
    def start(
        cls, hashes: np.ndarray, dimension: int, seed: int, degree: np.ndarray, hyperedges: np.ndarray
    ) -> "CudaVectors":
        """The start in U(-1, 1) from the hashes of the ids; arguments as `CpuVectors.start`."""
        markov_weights = markov_weights_of(degree, hyperedges)
        state = cls(cupy.empty((len(hashes), dimension), cupy.float32), markov_weights)
        first = np.uint64((1 + seed * 1_000_003) % 2**64)
        state._run("hashed_start", *FLAT, cupy.asarray(hashes), state.vectors, *state._size, first)
        return state

    @staticmethod
    def threads() -> int:
        """No CPU threads share the columns."""
        return 0

    @staticmethod
    def available() -> int:
        """Bytes that may still be taken on the device."""
        return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @property
    def _size(self) -> tuple[np.int64, np.int32]:
        return np.int64(self.vectors.shape[0]), np.int32(self.vectors.shape[1])

    def _run(self, name: str, grid: Any, block: Any, *arguments: Any) -> None:
        grid, block = (grid,) if isinstance(grid, int) else grid, (block,) if isinstance(block, int) else block
        if self.vectors.size:
            self._kernels.get_function(name)(grid, block, arguments)

    def _on_device(self, graph: Hypergraph) -> tuple[Any, Any, Any]:
        """The hypergraph's arrays on the device; those of the last one are kept from step to step."""
        if self._graph is None or self._graph[0] is not graph:
            check_count(graph.incidences)
            self._graph = None
            # A null pointer stands for weights of one.
            weights = np.intp(0) if graph.weights is None else cupy.asarray(graph.weights)
            self._graph = graph, (cupy.asarray(graph.edge_start), cupy.asarray(graph.edge_nodes), weights)
        return self._graph[1]

    def step(self, graph: Hypergraph, is_centred: bool) -> np.ndarray:
        """M T, centred if asked; the mean (dimension,)."""
        self.add_chunk(graph)
        return self.finish_chunks(is_centred)

    def add_chunk(self, graph: Hypergraph) -> None:
        """Add a chunk of hyperedges to the step that `finish_chunks` ends."""
        if self._sums is None:
            self._sums = cupy.zeros(self.vectors.shape, cupy.int32)
        if graph.edges == 0:
            return
        start, members, weights = self._on_device(graph)
        grid = (-(-graph.edges // WARPS), -(-self.dimension // TILE))
        self._run(
            "scatter", grid, (32, WARPS), start, members, weights, self.inverse, self.hub_inverse, self.vectors,
            self._sums, self._hub_sums, np.int64(graph.edges), np.int32(self.dimension),
        )  # fmt: skip

    def finish_chunks(self, is_centred: bool) -> np.ndarray:
        """The step over all chunks; returns as `step`."""
        mean = cupy.zeros(self.dimension, cupy.float32)
        if self._sums is None:
            self._sums = cupy.zeros(self.vectors.shape, cupy.int32)
        if len(self.hubs):
            self._sums[self.hubs] = (self._hub_sums + (1 << (HUB_BITS - 1))) >> HUB_BITS
            self._hub_sums.fill(0)
        if is_centred and self.connected:
            total = self._sums.sum(axis=0, dtype=cupy.int64)
            mean = (total / (self.connected * UNIT)).astype(cupy.float32)
        self._run("finish", *FLAT, self._sums, self.inverse, mean, self.vectors, *self._size)
        self._sums.fill(0)
        return cupy.asnumpy(mean)

    def covariance(self) -> np.ndarray:
        """Covariance of the centred connected rows, float64 (dimension, dimension), on the host."""
        return cupy.asnumpy(self.vectors.T @ self.vectors).astype(np.float64) / max(self.connected, 1)

    def whiten(self, whitening: np.ndarray) -> None:
        """Rows times the map, then to unit length."""
        product = cupy.matmul(self.vectors, cupy.asarray(whitening), out=self._sums.view(cupy.float32))
        self.vectors, self._sums = product, self.vectors.view(cupy.int32)
        self._sums.fill(0)
        self.normalise()

    def normalise(self) -> None:
        """Rows to unit length."""
        self._run("unit_rows", (-(-self.vectors.shape[0] // WARPS),), (32, WARPS), self.vectors, *self._size)

    def clear_isolated(self) -> None:
        """Zero vectors for nodes without neighbours."""
        self.vectors[self.inverse == 0] = 0

    def take(self) -> np.ndarray:
        """A copy of the vectors, float32 (nodes, dimension), in host memory."""
        return cupy.asnumpy(self.vectors)

    def release(self) -> np.ndarray:
        """As `take`."""
        return self.take()
