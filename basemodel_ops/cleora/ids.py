"""Ids of items as numbers: stable 64-bit hashes, and positions in a list of distinct ids.

Integers go through splitmix64 (Steele et al. 2014), bytes through FNV-1a (Fowler, Noll, Vo) eight bytes at a time with
the same finish, straight from the buffers of an Arrow array: no Python object per row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit, prange

from basemodel_ops.cleora.sorting import ranks
from basemodel_ops.errors import DataError

NULL_HASH = np.uint64(0x6E756C6C)
"""Hash of a missing id."""


@njit(cache=True, nogil=True, inline="always")
def mix(z: np.uint64) -> np.uint64:
    """The finish of splitmix64: one to one on 64 bits, every input bit reaches every output bit."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(parallel=True, cache=True, nogil=True)
def hash_integers(values: np.ndarray) -> np.ndarray:
    """Splitmix64 of 64-bit integers, uint64 (rows,)."""
    out = np.empty(len(values), np.uint64)
    for row in prange(len(values)):
        out[row] = mix(np.uint64(values[row]) + np.uint64(0x9E3779B97F4A7C15))
    return out


@njit(parallel=True, cache=True, nogil=True)
def hash_bytes(offsets: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Hashes of byte strings `data[offsets[i]:offsets[i + 1]]`, uint64 (rows,)."""
    out = np.empty(len(offsets) - 1, np.uint64)
    for row in prange(len(out)):
        low, high = offsets[row], offsets[row + 1]
        # The length is part of the state, far from the bits of short text, so that trailing zero bytes count.
        state = np.uint64(0xCBF29CE484222325) ^ (np.uint64(high - low) * np.uint64(0x9E3779B97F4A7C15))
        for position in range(low, high, 8):
            word = np.uint64(0)
            for byte in range(min(8, high - position)):
                word |= np.uint64(data[position + byte]) << np.uint64(8 * byte)
            state = (state ^ word) * np.uint64(0x100000001B3)
            # Multiplication moves bits upwards only; the shift brings them down again.
            state ^= state >> np.uint64(32)
        out[row] = mix(state)
    return out


def to_arrow(ids: Any) -> pa.Array:
    """Ids of any sequence as one Arrow array; ids of mixed kinds by their text."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if isinstance(ids, pa.DictionaryArray):
        return ids.dictionary_decode()
    if isinstance(ids, pa.Array):
        return ids
    values: Any = ids
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.large_string())


def hash_ids(ids: Sequence[object] | np.ndarray | pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A stable 64-bit hash per id, the same on any machine, uint64 (rows,).

    Integers hash by value whatever their width, text and bytes by their bytes, everything else (dates, decimals,
    floats, booleans) by its text; a missing id has a hash of its own. The integer 5 and the text "5" hash differently.
    """
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        return hash_integers(ids.astype(np.int64 if ids.dtype.kind == "i" else np.uint64, copy=False))
    array = to_arrow(ids)
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if pa.types.is_integer(array.type):
        hashes = hash_integers(array.fill_null(0).to_numpy().astype(_wide(array.type), copy=False))
    elif pa.types.is_null(array.type):
        hashes = np.zeros(len(array), np.uint64)
    else:
        hashes = hash_bytes(*_byte_buffers(array))
    if missing is not None:
        hashes[missing] = NULL_HASH
    return hashes


def _wide(kind: pa.DataType) -> type[np.int64] | type[np.uint64]:
    return np.uint64 if pa.types.is_unsigned_integer(kind) else np.int64


def _byte_buffers(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets int64 (rows + 1,) and bytes uint8 of an array of text or bytes."""
    if not (pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)):
        if pa.types.is_fixed_size_binary(array.type):
            array = array.cast(pa.binary())
        array = array.cast(pa.large_string()) if not pa.types.is_binary(array.type) else array
    array = pc.cast(array, pa.large_binary())
    _, offsets, data = array.buffers()
    start = np.frombuffer(offsets, np.int64, len(array) + 1, 8 * array.offset)
    return start, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def to_integers(ids: object) -> np.ndarray:
    """Ids as integers (rows,): integers as they are, everything else but floats by its hash.

    Raises:
        DataError: an id is missing, or a float.
    """
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        return ids
    array = to_arrow(ids)
    if array.null_count:
        raise DataError(f"{array.null_count:,} of {len(array):,} ids are missing. Filter such rows first.")
    if pa.types.is_floating(array.type):
        raise DataError(f"Ids of type {array.type} cannot be compared exactly. Cast them to integers or text.")
    if len(array) == 0:
        return np.zeros(0, np.int64)
    return array.to_numpy() if pa.types.is_integer(array.type) else hash_ids(array)


def index_ids(ids: Sequence[object] | np.ndarray | pa.Array | pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Distinct ids and each row's position among them, the node indices of a hypergraph.

    Integers come ascending, other ids in the order they appear.

    Returns:
        The ids (distinct,) and int32 (rows,), -1 where the id is missing.
    """
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        distinct, code = ranks(ids)
        return pa.array(distinct), code
    result = to_arrow(ids).dictionary_encode()
    return result.dictionary, result.indices.fill_null(-1).to_numpy().astype(np.int32, copy=False)
