"""The CPU kernel: sketches of entities whose events are sorted by (entity, time), at many cutoffs.

An entity's sketch is added up where it will stand in the result: 10 rows of 128 cells at three half-lives take 15 KB
and stay in the first cache while the entity's events go in. Every cutoff is written once; nothing is copied.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.emde.decay import half_power

SIMD_WIDTH = 4
"""Half-lives that are added side by side, without a loop over them."""

BLOCK = 16
"""Entities that one thread takes at a time."""


@njit(nogil=True, cache=True)
def add_events(
    sketch: np.ndarray,
    first: int,
    last: int,
    cutoff: float,
    time: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    width: int,
    rates: np.ndarray,
    decayed: np.ndarray,
) -> int:
    """Add events from `first` on that are strictly before `cutoff` to `sketch`, (half-lives x rows x width).

    `decayed` is room for one weight per half-life, a multiple of `SIMD_WIDTH` long.

    Returns:
        The first event at or after `cutoff`, or `last`.
    """
    position, rows, half_life_count = first, table.shape[1], len(rates)
    size = rows * width
    before = time[position] if position < last else time.dtype.type(0)
    is_fresh, is_weighted = True, len(weights) > 0
    while position < last and time[position] < cutoff:
        code = codes[position]
        if code >= 0:
            now = time[position]
            if is_fresh or now != before:
                age = float(cutoff - now)
                for half_life in range(half_life_count):
                    decayed[half_life] = np.float32(half_power(age * rates[half_life]))
                before, is_fresh = now, False
            value = weights[position] if is_weighted else np.float32(1)
            for group in range(0, half_life_count, SIMD_WIDTH):
                # Written out: a loop over the half-lives inside that over rows costs a third of the speed.
                count = half_life_count - group
                w0, w1 = decayed[group] * value, decayed[group + 1] * value
                w2, w3 = decayed[group + 2] * value, decayed[group + 3] * value
                offset = group * size
                for row in range(rows):
                    cell = offset + np.int64(table[code, row])
                    sketch[cell] += w0
                    if count > 1:
                        sketch[cell + size] += w1
                    if count > 2:
                        sketch[cell + 2 * size] += w2
                    if count > 3:
                        sketch[cell + 3 * size] += w3
                    offset += width
        position += 1
    return position


@njit(parallel=True, nogil=True, cache=True)
def sketch_entities(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    width: int,
    cutoffs: np.ndarray,
    rates: np.ndarray,
    out: np.ndarray,
) -> None:
    """Sketches of consecutive entities.

    Args:
        start: Events of entity e are `start[e]:start[e + 1]`, (entities + 1,).
        time: Ascending in an entity, (events,), any unit.
        codes: Rows of `table`; negative ones are skipped, (events,).
        weights: Factor of each event, (events,), or empty for 1.
        table: Cell of each element in each depth row, (elements, depth).
        cutoffs: Of each entity, ascending, in the unit of `time`, (entities, cutoffs).
        rates: 1 / half-life per that unit, (half-lives,).
        out: (entities, cutoffs, half-lives x depth x width).
    """
    entities, count, half_life_count = len(start) - 1, cutoffs.shape[1], len(rates)
    size = table.shape[1] * width
    for block in prange((entities + BLOCK - 1) // BLOCK):
        decayed = np.zeros((half_life_count + SIMD_WIDTH - 1) // SIMD_WIDTH * SIMD_WIDTH, np.float32)
        for row in range(block * BLOCK, min((block + 1) * BLOCK, entities)):
            position, last = start[row], start[row + 1]
            out[row, 0] = 0
            for c in range(count):
                cutoff = cutoffs[row, c]
                position = add_events(
                    out[row, c], position, last, cutoff, time, codes, weights, table, width, rates, decayed
                )
                if c + 1 < count:
                    days = float(cutoffs[row, c + 1] - cutoff)
                    for half_life in range(half_life_count):
                        keep = np.float32(half_power(days * rates[half_life]))
                        for cell in range(half_life * size, (half_life + 1) * size):
                            out[row, c + 1, cell] = out[row, c, cell] * keep
