"""Sketches without their zeros: one index of cells shared by all half-lives."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange


@njit(parallel=True, nogil=True, cache=True)
def _count(dense: np.ndarray, counts: np.ndarray) -> None:
    half_life_count, cells = dense.shape[1], dense.shape[2]
    for row in prange(len(dense)):
        result = 0
        for cell in range(cells):
            total = np.float32(0)
            for half_life in range(half_life_count):
                total += dense[row, half_life, cell]
            result += total > 0
        counts[row] = result


@njit(parallel=True, nogil=True, cache=True)
def _gather(dense: np.ndarray, indptr: np.ndarray, cell_of: np.ndarray, values: np.ndarray) -> None:
    half_life_count, cells = dense.shape[1], dense.shape[2]
    for row in prange(len(dense)):
        position = indptr[row]
        for cell in range(cells):
            total = np.float32(0)
            for half_life in range(half_life_count):
                total += dense[row, half_life, cell]
            if total > 0:
                cell_of[position] = cell
                for half_life in range(half_life_count):
                    values[position, half_life] = dense[row, half_life, cell]
                position += 1


@njit(parallel=True, nogil=True, cache=True)
def _scatter(dense: np.ndarray, indptr: np.ndarray, cell_of: np.ndarray, values: np.ndarray) -> None:
    for row in prange(len(dense)):
        for position in range(indptr[row], indptr[row + 1]):
            for half_life in range(dense.shape[1]):
                dense[row, half_life, cell_of[position]] = values[position, half_life]


@dataclass(frozen=True)
class SparseSketches:
    """Rows are (entity, cutoff) pairs in order; the cells of row r are `indptr[r]:indptr[r + 1]`, ascending."""

    indptr: np.ndarray  # (rows + 1,) int64
    cell: np.ndarray  # (cells that are not empty,) int32
    value: np.ndarray  # (cells that are not empty, half-lives) float32
    shape: tuple[int, int, int, int]  # entities, cutoffs, half-lives, cells

    @classmethod
    def of(cls, dense: np.ndarray) -> "SparseSketches":
        """Leave out the cells that are 0 at every half-life; `dense` is (entities, cutoffs, half-lives, cells)."""
        entities, cutoffs, half_life_count, cells = dense.shape
        rows = np.ascontiguousarray(dense).reshape(entities * cutoffs, half_life_count, cells)
        indptr = np.zeros(len(rows) + 1, np.int64)
        _count(rows, indptr[1:])
        np.cumsum(indptr, out=indptr)
        cell, value = np.empty(indptr[-1], np.int32), np.empty((indptr[-1], half_life_count), np.float32)
        _gather(rows, indptr, cell, value)
        return cls(indptr, cell, value, (entities, cutoffs, half_life_count, cells))

    def dense(self) -> np.ndarray:
        """All cells, float32 (entities, cutoffs, half-lives, cells)."""
        entities, cutoffs, half_life_count, cells = self.shape
        out = np.zeros((entities * cutoffs, half_life_count, cells), np.float32)
        _scatter(out, self.indptr, self.cell, self.value)
        return out.reshape(self.shape)


def merged(sketches: list[np.ndarray]) -> np.ndarray:
    """The sketch of all events together, from sketches of disjoint parts of them at the same cutoffs.

    Raises:
        ValueError: shapes differ: the parts were not made with the same codes, cutoffs and half-lives.
    """
    shapes = {sketch.shape for sketch in sketches}
    if len(shapes) != 1:
        raise ValueError(f"Sketches of the shapes {sorted(shapes)} do not add up; there must be one shape.")
    return np.stack(sketches).sum(axis=0, dtype=np.float32)
