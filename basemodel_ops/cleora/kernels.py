"""The two products of a Cleora step on the CPU: hyperedge means, then node means. No atomics."""

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True, nogil=True)
def gather_means(start: np.ndarray, members: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Mean of the members' vectors per group, float32 (groups, dimension); empty groups are zero."""
    groups, dimension = len(start) - 1, vectors.shape[1]
    out = np.zeros((groups, dimension), np.float32)
    for group in prange(groups):
        low, high = start[group], start[group + 1]
        row = out[group]
        for position in range(low, high):
            member = vectors[members[position]]
            for d in range(dimension):
                row[d] += member[d]
        if high > low:
            scale = np.float32(1.0 / (high - low))
            for d in range(dimension):
                row[d] *= scale
    return out


@njit(parallel=True, cache=True, nogil=True)
def hashed_start(hashes: np.ndarray, dimension: int, seed: int) -> np.ndarray:
    """Uniform (-1, 1) vectors from (hash of the id, dimension, seed): splitmix64. float32 (nodes, dimension)."""
    out = np.empty((len(hashes), dimension), np.float32)
    for node in prange(len(hashes)):
        for d in range(dimension):
            z = hashes[node] + np.uint64(0x9E3779B97F4A7C15) * np.uint64(d + 1 + seed * 1_000_003)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
            out[node, d] = np.float32((z >> np.uint64(11)) / 9007199254740992.0 * 2.0 - 1.0)
    return out
