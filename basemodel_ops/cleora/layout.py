"""How vectors lie in memory while they are iterated: blocks of sixteen columns, the busiest nodes first.

A block, float32 (nodes, 16) contiguous, is what a thread works on: its rows are cache lines, and those of the nodes in
most hyperedges, which are read over and over, lie beside each other. Columns beyond the dimension are zero.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.ids import mix
from basemodel_ops.cleora.simd import SIMD_WIDTH, load, store


@njit(parallel=True, cache=True, nogil=True)
def hashed_blocks(hashes: np.ndarray, dimension: int, seed: int) -> np.ndarray:
    """Vectors in U(-1, 1) from (hash of the id, column, seed) by splitmix64, float32 (blocks, rows * 16).

    23 bits of the hash name the middle of one of 2^23 intervals: exact in float32, so the same on any machine.
    """
    rows = len(hashes)
    out = np.zeros(((dimension + SIMD_WIDTH - 1) // SIMD_WIDTH, rows * SIMD_WIDTH), np.float32)
    for row in prange(rows):
        for column in range(dimension):
            z = mix(hashes[row] + np.uint64(0x9E3779B97F4A7C15) * np.uint64(column + 1 + seed * 1_000_003))
            odd = np.int32(z >> np.uint64(41)) * np.int32(2) + np.int32(1)
            value = np.float32(odd) * np.float32(2.0**-23) - np.float32(1)
            out[column // SIMD_WIDTH, row * SIMD_WIDTH + column % SIMD_WIDTH] = value
    return out


@njit(parallel=True, cache=True, nogil=True)
def to_blocks(vectors: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Vectors (rows, dimension) as blocks; row i of a block is vector `order[i]`."""
    rows, dimension = vectors.shape
    out = np.zeros(((dimension + SIMD_WIDTH - 1) // SIMD_WIDTH, rows * SIMD_WIDTH), np.float32)
    for row in prange(rows):
        for column in range(dimension):
            out[column // SIMD_WIDTH, row * SIMD_WIDTH + column % SIMD_WIDTH] = vectors[order[row], column]
    return out


@njit(parallel=True, cache=True, nogil=True)
def to_rows(blocks: np.ndarray, order: np.ndarray, dimension: int) -> np.ndarray:
    """Blocks as vectors, float32 (rows, dimension): the reverse of `to_blocks`."""
    rows = len(order)
    out = np.empty((rows, dimension), np.float32)
    flat = out.reshape(-1)
    for row in prange(rows):
        to = order[row] * dimension
        for block in range(dimension // SIMD_WIDTH):
            store(flat, to + block * SIMD_WIDTH, load(blocks[block], row * SIMD_WIDTH))
        for column in range(dimension // SIMD_WIDTH * SIMD_WIDTH, dimension):
            flat[to + column] = blocks[column // SIMD_WIDTH, row * SIMD_WIDTH + column % SIMD_WIDTH]
    return out


@njit(cache=True, nogil=True)
def turn_to_rows(blocks: np.ndarray, order: np.ndarray) -> None:
    """As `to_rows`, in place, for whole blocks: afterwards the memory holds the vectors (rows, blocks * 16).

    A line of sixteen columns moves to its place and pushes out the one that lies there, round each cycle.
    """
    count, rows = len(blocks), len(order)
    flat = blocks.reshape(-1)
    is_placed = np.zeros(count * rows // 8 + 1, np.uint8)
    for first in range(count * rows):
        if is_placed[first >> 3] >> (first & 7) & 1:
            continue
        line, at = load(flat, first * SIMD_WIDTH), first
        while True:
            block = at // rows
            at = order[at - block * rows] * count + block
            pushed = load(flat, at * SIMD_WIDTH)
            store(flat, at * SIMD_WIDTH, line)
            line = pushed
            is_placed[at >> 3] |= np.uint8(1 << (at & 7))
            if at == first:
                break


@njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def unit_rows(blocks: np.ndarray) -> None:
    """Rows to L2 length 1 in place; zero rows stay zero."""
    rows = blocks.shape[1] // SIMD_WIDTH
    for row in prange(rows):
        square = np.float32(0)
        for block in range(len(blocks)):
            for column in range(row * SIMD_WIDTH, row * SIMD_WIDTH + SIMD_WIDTH):
                square += blocks[block, column] * blocks[block, column]
        factor = np.float32(1) / np.sqrt(square) if square > 0 else np.float32(0)
        for block in range(len(blocks)):
            for column in range(row * SIMD_WIDTH, row * SIMD_WIDTH + SIMD_WIDTH):
                blocks[block, column] *= factor
