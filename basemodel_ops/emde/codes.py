"""Codes: which cell of each depth row an element falls into."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit, prange

SAMPLE = 262_144
"""Vectors from which scales and thresholds are read."""

Thresholds = Literal["median", "quantile"]


# A matrix product of BLAS rounds differently with the number of rows, which would move vectors that lie on a threshold
# to other cells in other batches; here every row is summed in one order.
@njit(nogil=True, cache=True)
def _project(vector: np.ndarray, mean: np.ndarray, scale: np.ndarray, directions: np.ndarray, out: np.ndarray) -> None:
    out[:] = 0
    for d in range(len(vector)):
        value = np.float32(vector[d])
        value = ((value if np.isfinite(value) else np.float32(0)) - mean[d]) / scale[d]
        for j in range(directions.shape[1]):
            out[j] += value * directions[d, j]


@njit(parallel=True, nogil=True, cache=True)
def _projections(
    vectors: np.ndarray, mean: np.ndarray, scale: np.ndarray, directions: np.ndarray, out: np.ndarray
) -> None:
    for row in prange(len(vectors)):
        _project(vectors[row], mean, scale, directions, out[row])


@njit(parallel=True, nogil=True, cache=True)
def _cells(
    vectors: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    directions: np.ndarray,
    thresholds: np.ndarray,
    bits: int,
    out: np.ndarray,
) -> None:
    for row in prange(len(vectors)):
        projected = np.empty(directions.shape[1], np.float32)
        _project(vectors[row], mean, scale, directions, projected)
        for depth in range(out.shape[1]):
            cell = 0
            for bit in range(bits):
                if projected[depth * bits + bit] > thresholds[depth * bits + bit]:
                    cell |= 1 << bit
            out[row, depth] = cell


@dataclass(frozen=True)
class DensityLSH:
    """Density-dependent hashing, fitted: encodes vectors that were not there when it was fitted (arXiv 2006.01894).

    A vector is standardised and projected on K = log2(width) random directions per depth row; the K signs against the
    thresholds are its cell in that row.
    """

    mean: np.ndarray  # (dimension,) float32
    scale: np.ndarray  # (dimension,) float32
    directions: np.ndarray  # (dimension, depth, bits) float32
    thresholds: np.ndarray  # (depth, bits) float32

    @property
    def depth(self) -> int:
        """Number of depth rows."""
        return self.thresholds.shape[0]

    @property
    def width(self) -> int:
        """Cells in a row."""
        return 1 << self.thresholds.shape[1]

    @classmethod
    def fit(
        cls, vectors: np.ndarray, depth: int, width: int, seed: int, thresholds: Thresholds = "median"
    ) -> "DensityLSH":
        """Draw directions and read thresholds from `vectors`, (elements, dimension).

        Args:
            thresholds: `median` halves the data at every direction; `quantile` draws a uniform quantile per direction,
                as the paper does: cells of unequal mass, so that rare regions are told apart too.

        Raises:
            ValueError: `width` is not a power of two, or there are no vectors.
        """
        bits = width.bit_length() - 1
        if 1 << bits != width:
            raise ValueError(f"Width {width} is not a power of two.")
        if len(vectors) == 0:
            raise ValueError("A partition needs at least one vector.")
        generator = np.random.default_rng(seed)
        step = -(-len(vectors) // SAMPLE)
        sample = np.nan_to_num(vectors[::step].astype(np.float32), posinf=0, neginf=0)
        deviation = sample.std(axis=0, dtype=np.float64)
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
        dimension = sample.shape[1]
        directions = np.stack(
            [generator.standard_normal((dimension, bits)).astype(np.float32) for _ in range(depth)], axis=1
        )
        projected = np.empty((len(sample), depth * bits), np.float32)
        _projections(sample, mean, scale, directions.reshape(dimension, -1), projected)
        share = np.full(depth * bits, 0.5) if thresholds == "median" else generator.uniform(size=depth * bits)
        cuts = np.array([np.quantile(projected[:, i], share[i]) for i in range(depth * bits)], np.float32)
        return cls(mean, scale, directions, cuts.reshape(depth, bits))

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Cells, int32 (elements, depth). Numbers that are not finite count as 0."""
        flat = self.directions.reshape(len(self.mean), -1)
        codes = np.zeros((len(vectors), self.depth), np.int32)
        _cells(vectors, self.mean, self.scale, flat, self.thresholds.ravel(), self.thresholds.shape[1], codes)
        return codes

    def arrays(self) -> dict[str, np.ndarray]:
        """What must be kept; `DensityLSH(**arrays)` is the inverse."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "directions": self.directions,
            "thresholds": self.thresholds,
        }


def identity_codes(hashes: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Random partitions independent of the vector, from 64-bit hashes of ids: int32 (elements, depth)."""
    codes = np.empty((len(hashes), depth), np.int32)
    for row in range(depth):
        mixed = (hashes ^ np.uint64(row + 1)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        codes[:, row] = ((mixed >> np.uint64(33)) % np.uint64(width)).astype(np.int32)
    return codes


def compact(codes: np.ndarray, width: int) -> np.ndarray:
    """The codes in the smallest unsigned type that holds `width`, so that the table stays in the cache.

    Raises:
        ValueError: a code is negative or not below `width`.
    """
    if codes.size and (codes.min() < 0 or codes.max() >= width):
        raise ValueError(f"Codes range from {codes.min()} to {codes.max()}; they must be in 0..{width - 1}.")
    return np.ascontiguousarray(codes, dtype=np.uint8 if width <= 256 else np.uint16 if width <= 65_536 else np.int32)
