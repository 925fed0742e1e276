"""Hashes of values, the same on any machine, and fast lookup of integers."""

import numpy as np
import pyarrow as pa
from numba import njit, prange

DIRECT_BYTES = 64 * 2**20
"""Largest table that finds integers by position alone."""


@njit(inline="always")
def mix(value: np.uint64) -> np.uint64:
    """Scatter the bits of an integer (the finaliser of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(parallel=True, nogil=True, cache=True)
def _mix_all(values: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(values)):
        out[row] = mix(np.uint64(values[row]))


@njit(parallel=True, nogil=True, cache=True)
def _hash_bytes(offsets: np.ndarray, data: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(out)):
        result = np.uint64(0xCBF29CE484222325)
        for i in range(offsets[row], offsets[row + 1]):
            result = (result ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
        out[row] = mix(result)


def bytes_of(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets, int64 (rows + 1,), and bytes, uint8, of a string or binary column; nulls are empty."""
    column = column.cast(pa.large_binary()).fill_null(b"")
    offsets = np.frombuffer(column.buffers()[1], np.int64, len(column) + 1, column.offset * 8)
    buffer = column.buffers()[2]
    return offsets, np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)


def hash_values(column: pa.Array) -> np.ndarray:
    """A 64-bit hash per value, uint64 (rows,): of integers by value, of anything else by its bytes or its text."""
    out = np.empty(len(column), np.uint64)
    if pa.types.is_integer(column.type):
        integers = column.fill_null(0).to_numpy(zero_copy_only=False)
        _mix_all(integers if integers.dtype == np.uint64 else integers.astype(np.int64).view(np.uint64), out)
        return out
    is_bytes = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    is_bytes |= pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    _hash_bytes(*bytes_of(column if is_bytes else column.cast(pa.string())), out)
    return out


def pair_ids(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """An id for each pair of integers, int64 (rows,): equal pairs have equal ids."""
    first, both = np.empty((2, len(left)), np.uint64)
    _mix_all(left.astype(np.int64).view(np.uint64), first)
    _mix_all(first ^ right.astype(np.int64).view(np.uint64), both)
    return both.view(np.int64)


@njit(nogil=True, cache=True)
def _fill(values: np.ndarray, keys: np.ndarray, codes: np.ndarray) -> None:
    mask = np.uint64(len(codes) - 1)
    for code in range(len(values)):
        slot = mix(np.uint64(values[code])) & mask
        while codes[slot] >= 0 and keys[slot] != values[code]:
            slot = (slot + np.uint64(1)) & mask
        if codes[slot] < 0:
            keys[slot], codes[slot] = values[code], code


@njit(parallel=True, nogil=True, cache=True)
def _find(column: np.ndarray, keys: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    mask = np.uint64(len(codes) - 1)
    for row in prange(len(column)):
        value = np.int64(column[row])
        slot = mix(np.uint64(value)) & mask
        while codes[slot] >= 0 and keys[slot] != value:
            slot = (slot + np.uint64(1)) & mask
        out[row] = codes[slot]


@njit(parallel=True, nogil=True, cache=True)
def _pick(column: np.ndarray, lowest: int, codes: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(column)):
        index = np.int64(column[row]) - lowest
        out[row] = codes[index] if 0 <= index < len(codes) else -1


class IntegerLookup:
    """Position of integers in a list: by position where they are dense, else by a hash table at half load."""

    def __init__(self, values: np.ndarray) -> None:
        """Prepare for distinct `values`, int64 (values,)."""
        values = np.ascontiguousarray(values, np.int64)
        self._lowest = int(values.min()) if len(values) else 0
        range_size = int(values.max()) - self._lowest + 1 if len(values) else 0
        self._is_direct = range_size * 4 <= max(min(DIRECT_BYTES, 64 * len(values)), 2**16)
        self._keys = np.zeros(0, np.int64)
        if self._is_direct:
            self._codes = np.full(range_size, -1, np.int32)
            self._codes[values - self._lowest] = np.arange(len(values), dtype=np.int32)
        else:
            size = 1 << (2 * len(values)).bit_length()
            self._keys, self._codes = np.zeros(size, np.int64), np.full(size, -1, np.int32)
            _fill(values, self._keys, self._codes)

    def find(self, column: np.ndarray) -> np.ndarray:
        """Position of each value, int32 (rows,); -1 where it is not in the list."""
        out = np.empty(len(column), np.int32)
        if self._is_direct:
            _pick(column, self._lowest, self._codes, out)
        else:
            _find(column, self._keys, self._codes, out)
        return out
