"""Parallel radix sort and the ranks of ids, in numba: linear in rows, stable, the same result on any thread count."""

import numba
import numpy as np
from numba import njit, prange

DIGIT_BITS = 11
"""Most bits sorted by in one pass: 2,048 write positions stay in the cache and the TLB."""


def bit_length(values: int) -> int:
    """Bits that hold the numbers 0 … values - 1."""
    return max(values - 1, 0).bit_length()


@njit(parallel=True, cache=True, nogil=True)
def _is_ascending(keys: np.ndarray, shift: int) -> bool:
    breaks = 0
    for i in prange(1, len(keys)):
        breaks += keys[i - 1] >> np.uint64(shift) > keys[i] >> np.uint64(shift)
    return breaks == 0


@njit(parallel=True, cache=True, nogil=True)
def _pass(
    keys: np.ndarray,
    payload: np.ndarray,
    shift: int,
    bits: int,
    parts: int,
    keys_out: np.ndarray,
    payload_out: np.ndarray,
) -> None:
    """Stable counting sort by one digit; each part of the rows has write positions of its own."""
    buckets, rows, has_payload = 1 << bits, len(keys), len(payload) > 0
    mask, low = np.uint64(buckets - 1), np.uint64(shift)
    position = np.zeros((parts, buckets), np.int64)
    for part in prange(parts):
        count = position[part]
        for i in range(rows * part // parts, rows * (part + 1) // parts):
            count[np.int64((keys[i] >> low) & mask)] += 1
    total = 0
    for bucket in range(buckets):
        for part in range(parts):
            total, position[part, bucket] = total + position[part, bucket], total
    for part in prange(parts):
        where = position[part]
        for i in range(rows * part // parts, rows * (part + 1) // parts):
            bucket = np.int64((keys[i] >> low) & mask)
            at = where[bucket]
            where[bucket] = at + 1
            keys_out[at] = keys[i]
            if has_payload:
                payload_out[at] = payload[i]


def radix_sort(keys: np.ndarray, payload: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys and payload in the stable order of the keys' bits `low` … `high - 1`.

    Args:
        keys: uint64 (rows,); overwritten.
        payload: Moves with the keys, (rows,), or of length 0; overwritten.
        low: First bit to sort by.
        high: One past the last bit to sort by; higher bits of all keys are zero.
    """
    if high <= low or _is_ascending(keys, low):
        return keys, payload
    passes = -(-(high - low) // DIGIT_BITS)
    bits = -(-(high - low) // passes)
    parts = numba.get_num_threads()
    keys_out, payload_out = np.empty_like(keys), np.empty_like(payload)
    for shift in range(low, high, bits):
        _pass(keys, payload, shift, min(bits, high - shift), parts, keys_out, payload_out)
        keys, keys_out, payload, payload_out = keys_out, keys, payload_out, payload
    return keys, payload


@njit(cache=True, nogil=True)
def _rank(keys: np.ndarray, rows: np.ndarray, rank: np.ndarray, first: np.ndarray) -> int:
    """Rank of each row's key among the distinct sorted keys, and one row of each key."""
    last = -1
    for i in range(len(keys)):
        if i == 0 or keys[i] != keys[i - 1]:
            last += 1
            first[last] = rows[i]
        rank[rows[i]] = last
    return last + 1


def ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values, ascending, and the position of each row's value among them.

    As `numpy.unique(values, return_inverse=True)`, in linear time.

    Args:
        values: Integers (rows,) of any width, fewer than 2^31 rows.

    Returns:
        (distinct,) of the values' type, and int32 (rows,).
    """
    if len(values) == 0:
        return values, np.zeros(0, np.int32)
    keys, _, reach = offsets(values)
    rows = np.arange(len(values), dtype=np.int32)
    keys, rows = radix_sort(keys, rows, 0, reach.bit_length())
    rank, first = np.empty(len(values), np.int32), np.empty(len(values), np.int32)
    count = _rank(keys, rows, rank, first)
    return values[first[:count]], rank


def offsets(values: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Integers as distances from the least one: uint64 (rows,), the least, and the largest distance."""
    least, most = int(values.min()), int(values.max())
    wide = values.astype(np.uint64 if least >= 0 else np.int64)
    # Subtraction modulo 2^64 is right for any two 64-bit integers.
    return wide.view(np.uint64) - np.uint64(least % 2**64), least, most - least
