"""Products of matrices in blocks of sixteen columns: the covariance of vectors, and vectors times a whitening map.

Both are made of one tile, sixteen by sixteen sums in sixteen registers. Written out here rather than left to BLAS, they
read the blocks where they lie, give the same bytes on any number of threads, and do not wake the threads of a second
library, whose idle threads would spin against Numba's.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.simd import SIMD_WIDTH, add_products

TILE = SIMD_WIDTH * SIMD_WIDTH

CHUNK = 256
"""Rows summed in float32 before they go to float64; a chunk of a block is 16 KB and stays in the nearest cache."""


@njit(parallel=True, cache=True, nogil=True)
def covariance(blocks: np.ndarray, threads: int) -> np.ndarray:
    """Sums of products of all pairs of columns, float64 (blocks * 16, blocks * 16), from rows that are centred."""
    count, rows = len(blocks), blocks.shape[1] // SIMD_WIDTH
    pairs = count * (count + 1) // 2
    first, second = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    pair = 0
    for high in range(count):
        for low in range(high + 1):
            first[pair], second[pair] = low, high
            pair += 1
    total = np.zeros((pairs, TILE))
    for thread in prange(threads):
        tile = np.empty(TILE, np.float32)
        for row in range(0, rows, CHUNK):
            length = min(CHUNK, rows - row)
            for part in range(pairs * thread // threads, pairs * (thread + 1) // threads):
                tile[:] = 0
                low, high = blocks[first[part]], blocks[second[part]]
                add_products(tile, low, row * SIMD_WIDTH, high, row * SIMD_WIDTH, length)
                for i in range(TILE):
                    total[part, i] += tile[i]
    out = np.empty((count * SIMD_WIDTH, count * SIMD_WIDTH))
    for pair in range(pairs):
        for i in range(SIMD_WIDTH):
            for j in range(SIMD_WIDTH):
                value = total[pair, i * SIMD_WIDTH + j]
                out[first[pair] * SIMD_WIDTH + i, second[pair] * SIMD_WIDTH + j] = value
                out[second[pair] * SIMD_WIDTH + j, first[pair] * SIMD_WIDTH + i] = value
    return out


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def whiten_rows(blocks: np.ndarray, whitening: np.ndarray) -> None:
    """Rows times an upper triangular map, then to L2 length 1, in place; zero rows stay zero.

    Args:
        blocks: float32 (blocks, rows * 16).
        whitening: The map's columns in blocks, float32 (blocks, blocks * 16 * 16).
    """
    count, rows = len(blocks), blocks.shape[1] // SIMD_WIDTH
    for group in prange((rows + SIMD_WIDTH - 1) // SIMD_WIDTH):
        here = min(SIMD_WIDTH, rows - group * SIMD_WIDTH)
        # The sixteen rows on end: a column's sixteen values are one cache line, as the tile wants them.
        turned, product = np.zeros(count * TILE, np.float32), np.zeros(count * TILE, np.float32)
        for block in range(count):
            for row in range(here):
                for column in range(SIMD_WIDTH):
                    at = (group * SIMD_WIDTH + row) * SIMD_WIDTH + column
                    turned[block * TILE + column * SIMD_WIDTH + row] = blocks[block, at]
        square = np.zeros(SIMD_WIDTH, np.float32)
        for block in range(count):
            tile = product[block * TILE : (block + 1) * TILE]
            # Upper triangular: a block of columns takes nothing from the blocks after it.
            add_products(tile, turned, 0, whitening[block], 0, (block + 1) * SIMD_WIDTH)
            for row in range(here):
                for column in range(SIMD_WIDTH):
                    square[row] += tile[row * SIMD_WIDTH + column] * tile[row * SIMD_WIDTH + column]
        for row in range(here):
            factor = np.float32(1) / np.sqrt(square[row]) if square[row] > 0 else np.float32(0)
            for block in range(count):
                for column in range(SIMD_WIDTH):
                    at = (group * SIMD_WIDTH + row) * SIMD_WIDTH + column
                    blocks[block, at] = product[block * TILE + row * SIMD_WIDTH + column] * factor
