"""A Cleora step on the CPU: M T = D^-1 H (diag(1/n) (H' T)) in one pass over the hyperedges.

A thread owns a block of sixteen columns from start to end. It reads a hyperedge's members, forms their mean in a
register and adds it to the same members' sums, which are still in the cache: no clique, no matrix of hyperedges, no
atomics. Sums are integers, of 2^-30 or finer (`shares`): each contribution is divided by the node's degree before it is
rounded, so a sum never leaves [-1, 1], and, integer addition being exact, it is the same whatever the order of the
hyperedges and the number of threads.

Vectors are blocks as in `layout`; members, shares and hubs count rows of a block.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.markov_weights import HUB_BITS, UNIT
from basemodel_ops.cleora.simd import (
    SIMD_WIDTH,
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
                row = load(source, np.int64(members[position]) * SIMD_WIDTH)
                mean = add(mean, scale(row, weights[position]))
        else:
            total = np.float32(start[edge + 1] - start[edge])
            for position in range(start[edge], start[edge + 1]):
                mean = add(mean, load(source, np.int64(members[position]) * SIMD_WIDTH))
        mean = scale(mean, np.float32(1) / total)
        for position in range(start[edge], start[edge + 1]):
            node = np.int64(members[position])
            weight = weights[position] if has_weights else np.float32(1)
            if inverse[node] > 0:
                add_rounded(target, node * SIMD_WIDTH, scale(mean, weight * inverse[node]))
            else:
                hub = np.int64(-inverse[node]) - 1
                add_rounded_long(hub_target, hub * SIMD_WIDTH, scale(mean, weight * hub_inverse[hub]))


@njit(cache=True, nogil=True, error_model="numpy")
def _finish(
    sums: np.ndarray,
    hub_sums: np.ndarray,
    inverse: np.ndarray,
    hubs: np.ndarray,
    is_centred: bool,
    connected: int,
    out: np.ndarray,
    mean: np.ndarray,
) -> None:
    """Sums of a block as float32 vectors, less the connected rows' mean; isolated rows are zero."""
    for hub in range(len(hubs)):
        for column in range(SIMD_WIDTH):
            total = (hub_sums[hub * SIMD_WIDTH + column] + (1 << (HUB_BITS - 1))) >> HUB_BITS
            sums[hubs[hub] * SIMD_WIDTH + column] = np.int32(total)
    total = np.zeros(SIMD_WIDTH, np.int64)
    if is_centred:
        for row in range(len(inverse)):
            add_long(total, sums, row * SIMD_WIDTH)
    for column in range(SIMD_WIDTH):
        mean[column] = -total[column] / (max(connected, 1) * UNIT)
    unit = np.float32(1 / UNIT)
    for row in range(len(inverse)):
        if inverse[row] == 0:
            store(out, row * SIMD_WIDTH, zero())
        else:
            store(out, row * SIMD_WIDTH, add(scale(load_integers(sums, row * SIMD_WIDTH), unit), load(mean, 0)))
    for column in range(SIMD_WIDTH):
        mean[column] = -mean[column]


@njit(cache=True, nogil=True, error_model="numpy")
def step_block(
    start: np.ndarray,
    members: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    hubs: np.ndarray,
    hub_inverse: np.ndarray,
    is_centred: bool,
    connected: int,
    vectors: np.ndarray,
    target: np.ndarray,
    mean: np.ndarray,
) -> None:
    """One step M T of one block in place, centred if asked, on the calling thread.

    Args:
        start: Hyperedges' first positions, int64 (hyperedges + 1,).
        members: Rows of the hyperedges' nodes, int32 (incidences,).
        weights: Weights of the incidences, float32 (incidences,), or of length 0 where all are one.
        inverse: As in `Shares`.
        hubs: As in `Shares`.
        hub_inverse: As in `Shares`.
        is_centred: Subtract the mean of the connected rows.
        connected: Number of connected nodes.
        vectors: Values within [-1, 1], float32 (rows * 16,).
        target: Room for the sums, int32 (rows * 16,).
        mean: Receives the mean, or zeros, float32 (16,).
    """
    target[:] = 0
    hub_sums = np.zeros(len(hubs) * SIMD_WIDTH, np.int64)
    _scatter(start, members, weights, inverse, hub_inverse, vectors, target, hub_sums)
    _finish(target, hub_sums, inverse, hubs, is_centred, connected, vectors, mean)


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
) -> None:
    """Add a chunk of hyperedges to the sums of a step, int32 (blocks, rows * 16) and int64 (blocks, hubs * 16)."""
    for block in prange(len(vectors)):
        _scatter(start, members, weights, inverse, hub_inverse, vectors[block], sums[block], hub_sums[block])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def finish_chunks(
    sums: np.ndarray,
    hub_sums: np.ndarray,
    inverse: np.ndarray,
    hubs: np.ndarray,
    is_centred: bool,
    connected: int,
    out: np.ndarray,
) -> np.ndarray:
    """Sums of a step as vectors in `out`, which may share their memory; the mean as `step`."""
    mean = np.zeros((len(sums), SIMD_WIDTH), np.float32)
    for block in prange(len(sums)):
        _finish(sums[block], hub_sums[block], inverse, hubs, is_centred, connected, out[block], mean[block])
    return mean.reshape(-1)
