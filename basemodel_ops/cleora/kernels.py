"""A Cleora step on the CPU: M T = D^-1 H (diag(1/n) (H' T)) in one pass over the hyperedges.

A thread owns a block of sixteen columns from start to end. It reads a hyperedge's members, forms their mean in a
register and adds it to the same members' sums, which are still in the cache: no clique, no matrix of hyperedges, no
atomics. Sums are integers, of 2^-30 or finer (`shares`): each contribution is divided by the node's degree before it is
rounded, so a sum never leaves [-1, 1], and, integer addition being exact, it is the same whatever the order of the
hyperedges and the number of threads.
"""

import numba
import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.lanes import (
    LANES,
    add,
    add_long,
    add_rounded,
    add_rounded_long,
    load,
    load_integers,
    scale,
    store,
    zero,
)  # fmt: skip
from basemodel_ops.cleora.shares import HUB_BITS, UNIT


def scratch(nodes: int, hubs: int, dimension: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A block of columns for each thread: vectors float32 and sums int32 (threads, nodes * 16), hubs' sums int64."""
    slots = max(1, min(numba.get_num_threads(), -(-dimension // LANES)))
    return (
        np.empty((slots, nodes * LANES), np.float32),
        np.empty((slots, nodes * LANES), np.int32),
        np.empty((slots, hubs * LANES), np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _scatter(
    start: np.ndarray,
    members: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    hub_inverse: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    hub_target: np.ndarray,
) -> None:
    """Add the hyperedges' means to the members' sums, for one block of columns."""
    has_weights = len(weights) > 0
    for edge in range(len(start) - 1):
        mean = zero()
        if has_weights:
            total = np.float32(0)
            for position in range(start[edge], start[edge + 1]):
                total += weights[position]
                row = load(source, np.int64(members[position]) * LANES)
                mean = add(mean, scale(row, weights[position]))
        else:
            total = np.float32(start[edge + 1] - start[edge])
            for position in range(start[edge], start[edge + 1]):
                mean = add(mean, load(source, np.int64(members[position]) * LANES))
        mean = scale(mean, np.float32(1) / total)
        for position in range(start[edge], start[edge + 1]):
            node = np.int64(members[position])
            weight = weights[position] if has_weights else np.float32(1)
            if inverse[node] > 0:
                add_rounded(target, node * LANES, scale(mean, weight * inverse[node]))
            else:
                hub = np.int64(-inverse[node]) - 1
                add_rounded_long(hub_target, hub * LANES, scale(mean, weight * hub_inverse[hub]))


@njit(cache=True, nogil=True, error_model="numpy")
def _read_block(matrix: np.ndarray, first: int, width: int, block: np.ndarray) -> None:
    if width == LANES:
        # Moves bits: right for sums, which are integers, as well.
        for row in range(len(matrix)):
            store(block, row * LANES, load(matrix, row * matrix.shape[1] + first))
        return
    for row in range(len(matrix)):
        for column in range(width):
            block[row * LANES + column] = matrix[row, first + column]
        for column in range(width, LANES):
            block[row * LANES + column] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _write_block(
    sums: np.ndarray,
    inverse: np.ndarray,
    is_centred: bool,
    connected: int,
    first: int,
    width: int,
    matrix: np.ndarray,
    mean: np.ndarray,
) -> None:
    """Sums as float32 into the matrix, less the connected rows' mean; isolated rows are zero."""
    total = np.zeros(LANES, np.int64)
    if is_centred:
        for row in range(len(inverse)):
            add_long(total, sums, row * LANES)
    shift = np.zeros(LANES, np.float32)
    for column in range(width):
        shift[column] = -total[column] / (max(connected, 1) * UNIT)
        mean[first + column] = -shift[column]
    unit = np.float32(1 / UNIT)
    for row in range(len(inverse)):
        if inverse[row] == 0:
            for column in range(width):
                matrix[row, first + column] = 0
        elif width == LANES:
            value = add(scale(load_integers(sums, row * LANES), unit), load(shift, 0))
            store(matrix, row * matrix.shape[1] + first, value)
        else:
            for column in range(width):
                matrix[row, first + column] = np.float32(sums[row * LANES + column]) * unit + shift[column]


@njit(cache=True, nogil=True, inline="always")
def _rounded_hub(total: int) -> np.int32:
    """A hub's sum in the steps of the other nodes."""
    return np.int32((total + (1 << (HUB_BITS - 1))) >> HUB_BITS)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def step(
    start: np.ndarray,
    members: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    hubs: np.ndarray,
    hub_inverse: np.ndarray,
    is_centred: bool,
    connected: int,
    vectors: np.ndarray,
    out: np.ndarray,
    mean: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    hub_target: np.ndarray,
) -> None:
    """One step M T, centred if asked; `out` may be `vectors`.

    Args:
        start: Hyperedges' first positions, int64 (hyperedges + 1,).
        members: Nodes of the hyperedges, int32 (incidences,).
        weights: Weights of the incidences, float32 (incidences,), or of length 0 where all are one.
        inverse: As in `Shares`.
        hubs: As in `Shares`.
        hub_inverse: As in `Shares`.
        is_centred: Subtract the mean of the connected rows.
        connected: Number of connected nodes.
        vectors: Values within [-1, 1], float32 (nodes, dimension).
        out: Receives the step, float32 (nodes, dimension).
        mean: Receives the mean, float32 (dimension,).
        source: Scratch of `scratch`.
        target: Scratch of `scratch`.
        hub_target: Scratch of `scratch`.
    """
    dimension = vectors.shape[1]
    blocks, slots = (dimension + LANES - 1) // LANES, len(source)
    for slot in prange(slots):
        for block in range(blocks * slot // slots, blocks * (slot + 1) // slots):
            first = block * LANES
            width = min(LANES, dimension - first)
            sums, hub_sums = target[slot], hub_target[slot]
            _read_block(vectors, first, width, source[slot])
            sums[:] = 0
            hub_sums[:] = 0
            _scatter(start, members, weights, inverse, hub_inverse, source[slot], sums, hub_sums)
            for hub in range(len(hubs)):
                for column in range(LANES):
                    sums[hubs[hub] * LANES + column] = _rounded_hub(hub_sums[hub * LANES + column])
            _write_block(sums, inverse, is_centred, connected, first, width, out, mean)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def add_chunk(
    start: np.ndarray,
    members: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    hub_inverse: np.ndarray,
    vectors: np.ndarray,
    sums: np.ndarray,
    hub_sums: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    hub_target: np.ndarray,
) -> None:
    """Add a chunk of hyperedges to the sums of a step, int32 (nodes, dimension) and int64 (hubs, dimension)."""
    dimension = vectors.shape[1]
    blocks, slots = (dimension + LANES - 1) // LANES, len(source)
    for slot in prange(slots):
        for block in range(blocks * slot // slots, blocks * (slot + 1) // slots):
            first = block * LANES
            width = min(LANES, dimension - first)
            _read_block(vectors, first, width, source[slot])
            _read_block(sums, first, width, target[slot])
            hub_target[slot][:] = 0
            _scatter(start, members, weights, inverse, hub_inverse, source[slot], target[slot], hub_target[slot])
            for row in range(len(sums)):
                for column in range(width):
                    sums[row, first + column] = target[slot][row * LANES + column]
            for hub in range(len(hub_sums)):
                for column in range(width):
                    hub_sums[hub, first + column] += hub_target[slot][hub * LANES + column]


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def finish_chunks(
    sums: np.ndarray,
    hub_sums: np.ndarray,
    inverse: np.ndarray,
    hubs: np.ndarray,
    is_centred: bool,
    connected: int,
    out: np.ndarray,
    mean: np.ndarray,
) -> None:
    """Sums of a step as float32 vectors; `out` may share the memory of `sums`."""
    dimension = sums.shape[1]
    for hub in range(len(hubs)):
        for column in range(dimension):
            sums[hubs[hub], column] = _rounded_hub(hub_sums[hub, column])
    shift = np.zeros(dimension, np.float32)
    if is_centred and connected:
        for block in prange((dimension + LANES - 1) // LANES):
            first = block * LANES
            width = min(LANES, dimension - first)
            total = np.zeros(LANES, np.int64)
            for row in range(len(sums)):
                for column in range(width):
                    total[column] += sums[row, first + column]
            for column in range(width):
                shift[first + column] = total[column] / (connected * UNIT)
    mean[:] = shift
    unit = np.float32(1 / UNIT)
    for row in prange(len(sums)):
        for column in range(dimension):
            value = np.float32(sums[row, column]) * unit - shift[column]
            out[row, column] = value if inverse[row] != 0 else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def unit_block(rows: np.ndarray, out: np.ndarray) -> None:
    """Rows at L2 length 1, zero rows stay zero, float32 (rows, dimension); `out` may be `rows`. One thread."""
    for row in range(len(rows)):
        square = np.float32(0)
        for column in range(rows.shape[1]):
            square += rows[row, column] * rows[row, column]
        factor = np.float32(1) / np.sqrt(square) if square > 0 else np.float32(0)
        for column in range(rows.shape[1]):
            out[row, column] = rows[row, column] * factor


@njit(parallel=True, cache=True, nogil=True)
def unit_rows(rows: np.ndarray, out: np.ndarray) -> None:
    """As `unit_block`, on all threads."""
    parts = (len(rows) + 1023) // 1024
    for part in prange(parts):
        unit_block(rows[1024 * part : 1024 * part + 1024], out[1024 * part : 1024 * part + 1024])


@njit(parallel=True, cache=True, nogil=True)
def hashed_start(hashes: np.ndarray, dimension: int, seed: int) -> np.ndarray:
    """Vectors in U(-1, 1) from (hash of the id, dimension, seed) by splitmix64, float32 (nodes, dimension).

    23 bits of the hash are the middle of one of 2^23 intervals: exact in float32, so the same on any machine.
    """
    out = np.empty((len(hashes), dimension), np.float32)
    for node in prange(len(hashes)):
        for column in range(dimension):
            z = hashes[node] + np.uint64(0x9E3779B97F4A7C15) * np.uint64(column + 1 + seed * 1_000_003)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
            odd = np.int32(z >> np.uint64(41)) * np.int32(2) + np.int32(1)
            out[node, column] = np.float32(odd) * np.float32(2.0**-23) - np.float32(1)
    return out
