"""Kernels over pairs of an entity and an item: what stands at a pair, and only there."""

import numpy as np
from numba import njit, prange
from scipy.sparse import csr_matrix

BLOCK = 16
"""Rows that share a place of every item."""


@njit(parallel=True, nogil=True, cache=True)
def products(pooled: np.ndarray, vectors: np.ndarray, items: np.ndarray, out: np.ndarray) -> None:
    """Dot products of vectors (rows, pools, dimension) with those of each row's items, (pools, rows, items each)."""
    for row in prange(len(items)):
        for column in range(items.shape[1]):
            vector = vectors[items[row, column]]
            for pool in range(pooled.shape[1]):
                total = np.float32(0)
                for index in range(len(vector)):
                    total += pooled[row, pool, index] * vector[index]
                out[pool, row, column] = total


@njit(parallel=True, nogil=True, cache=True)
def follow(
    chosen: np.ndarray, start: np.ndarray, had: np.ndarray, weights: np.ndarray,
    next_start: np.ndarray, followers: np.ndarray, next_weights: np.ndarray, count: int,
    items: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """How much items follow those that each chosen row had, into zeros (weights, rows, items each).

    Both sparse matrices are given by start, column and weight: (entities, items) of what was had, which has several
    weights a place, (weights, places), and (items, items) of what follows it. Most followers are asked by nobody: so
    the place of each item that is asked is noted first, and only there is added.
    """
    for block in prange((len(chosen) + BLOCK - 1) // BLOCK):
        slot = np.zeros(count, np.int32)  # of an item among those of the row, from 1 on; 0 where it is not asked
        for row in range(block * BLOCK, min((block + 1) * BLOCK, len(chosen))):
            for column in range(items.shape[1] - 1, -1, -1):
                slot[items[row, column]] = column + 1
            for index in range(start[chosen[row]], start[chosen[row] + 1]):
                if not weights[:, index].any():
                    continue
                for other in range(next_start[had[index]], next_start[had[index] + 1]):
                    column = slot[followers[other]] - 1
                    if column >= 0:
                        for number in range(len(weights)):
                            out[number, row, column] += weights[number, index] * next_weights[other]
            for column in range(items.shape[1]):
                out[:, row, column] = out[:, row, slot[items[row, column]] - 1]
            for column in range(items.shape[1]):
                slot[items[row, column]] = 0


def values_at(matrix: csr_matrix, items: np.ndarray) -> np.ndarray:
    """Values of a sparse matrix, each place once and in order, at (row, items of the row), (rows, items each)."""
    out = np.zeros(items.shape, matrix.dtype)
    _look_up(matrix.indptr, matrix.indices, matrix.data, items, out)
    return out


@njit(parallel=True, nogil=True, cache=True)
def _look_up(start: np.ndarray, columns: np.ndarray, values: np.ndarray, items: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(items)):
        for index in range(items.shape[1]):
            low, high = start[row], start[row + 1]
            while low < high:
                middle = (low + high) // 2
                if columns[middle] < items[row, index]:
                    low = middle + 1
                else:
                    high = middle
            if low < start[row + 1] and columns[low] == items[row, index]:
                out[row, index] = values[low]


def products_at(matrix: csr_matrix, weights: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The product of a sparse matrix (rows, inputs) and `weights` (inputs, all items) at the items of each row alone.

    float64 (rows, items each); 0 at items that are negative. A row asks for few of all.
    """
    out = np.zeros(items.shape)
    _multiply_at(matrix.indptr, matrix.indices, matrix.data, np.ascontiguousarray(weights), items, out)
    return out


@njit(parallel=True, nogil=True, cache=True)
def _multiply_at(
    start: np.ndarray, columns: np.ndarray, values: np.ndarray, weights: np.ndarray, items: np.ndarray, out: np.ndarray
) -> None:
    for row in prange(len(items)):
        for index in range(start[row], start[row + 1]):
            value, input_weights = values[index], weights[columns[index]]
            for column in range(items.shape[1]):
                item = items[row, column]
                if item >= 0:
                    out[row, column] += value * input_weights[item]


def top_k_indices(scores: np.ndarray, k: int) -> np.ndarray:
    """Places of the k best of each row in no order, int64 (rows, k); scores float32 (rows, at least k).

    Of equal scores the first are the better ones.
    """
    out = np.empty((len(scores), k), np.int64)
    _best(np.ascontiguousarray(scores, np.float32), out)
    return out


@njit(parallel=True, nogil=True, cache=True)
def _best(scores: np.ndarray, out: np.ndarray) -> None:
    """A heap of the best so far, the least on top: few of many scores are better than it."""
    k = out.shape[1]
    for row in prange(len(scores)):
        its_scores, heap = scores[row], out[row]
        for index in range(k):
            heap[index] = index
        for root in range(k // 2 - 1, -1, -1):
            _sink(its_scores, heap, root)
        for index in range(k, scores.shape[1]):
            if its_scores[index] > its_scores[heap[0]]:
                heap[0] = index
                _sink(its_scores, heap, 0)


@njit(nogil=True, cache=True)
def _sink(scores: np.ndarray, heap: np.ndarray, at: int) -> None:
    while True:
        least = at
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                entry, other = heap[child], heap[least]
                if scores[entry] < scores[other] or (scores[entry] == scores[other] and entry > other):
                    least = child
        if least == at:
            return
        heap[at], heap[least] = heap[least], heap[at]
        at = least
