"""Hashed character n-grams: a vector for any string, which abbreviations and typing errors change little."""

import numpy as np
from numba import njit, prange

from basemodel_ops.encoders.hashing import mix

SHORTEST, LONGEST = 2, 4
"""Lengths of the n-grams, in bytes."""


@njit(parallel=True, nogil=True, cache=True)
def _add_grams(offsets: np.ndarray, data: np.ndarray, out: np.ndarray) -> None:
    dimension = np.uint64(out.shape[1])
    for row in prange(len(out)):
        first, last = offsets[row], offsets[row + 1]
        for length in range(SHORTEST, LONGEST + 1):
            # A space before the first and after the last byte marks where the string begins and ends.
            for begin in range(first - 1, last + 2 - length):
                result = np.uint64(0xCBF29CE484222325) + np.uint64(length)
                for i in range(begin, begin + length):
                    byte = data[i] if first <= i < last else 32
                    if 65 <= byte <= 90:
                        byte += 32
                    result = (result ^ np.uint64(byte)) * np.uint64(0x100000001B3)
                result = mix(result)
                sign = np.float32(1) if result >> np.uint64(63) else np.float32(-1)
                out[row, np.int64(result % dimension)] += sign
        total = np.float32(0)
        for i in range(out.shape[1]):
            # Roots: a long text repeats its common n-grams more than it gains rare ones.
            value = out[row, i]
            value = np.sqrt(value) if value >= 0 else -np.sqrt(-value)
            out[row, i] = value
            total += value * value
        if total > 0:
            out[row] /= np.sqrt(total)


def gram_vectors(offsets: np.ndarray, data: np.ndarray, dimension: int) -> np.ndarray:
    """Unit vectors of signed hashed n-gram counts, float32 (strings, dimension); the empty string's is that of a space.

    Args:
        offsets: String s is bytes `offsets[s]:offsets[s + 1]`, int64 (strings + 1,).
        data: uint8 (bytes,).
    """
    out = np.zeros((len(offsets) - 1, dimension), np.float32)
    _add_grams(offsets, data, out)
    return out
