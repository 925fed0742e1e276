"""The CPU kernel: sketches of entities whose events are sorted by (entity, time), at many cutoffs.

The sketch of one entity, `LANES` half-lives side by side in every cell, is 16 bytes a cell: 10 rows of 128 cells take
20 KB and stay in the first cache while the entity's events are added. It is written out once per cutoff.
"""

import numpy as np
from numba import njit, prange

from basemodel_ops.emde.decay import LANES, half_power

BLOCK = 16
"""Entities that share one scratch sketch."""


@njit(nogil=True, cache=True)
def add_events(
    sketch: np.ndarray,
    first: int,
    last: int,
    moment: float,
    time: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    width: int,
    rates: np.ndarray,
) -> int:
    """Add events from `first` on that are strictly before `moment` to `sketch`, (cells, LANES).

    Returns:
        The first event at or after `moment`, or `last`.
    """
    position, rows = first, table.shape[1]
    before = time[position] if position < last else time.dtype.type(0)
    w0 = w1 = w2 = w3 = np.float32(0)
    fresh = True
    while position < last and time[position] < moment:
        code = codes[position]
        if code >= 0:
            now = time[position]
            if fresh or now != before:
                age = float(moment - now)
                w0 = np.float32(half_power(age * rates[0]))
                w1 = np.float32(half_power(age * rates[1]))
                w2 = np.float32(half_power(age * rates[2]))
                w3 = np.float32(half_power(age * rates[3]))
                before, fresh = now, False
            a0, a1, a2, a3 = w0, w1, w2, w3
            if len(weights):
                value = weights[position]
                a0, a1, a2, a3 = w0 * value, w1 * value, w2 * value, w3 * value
            offset = 0
            for row in range(rows):
                cell = offset + np.int64(table[code, row])
                sketch[cell, 0] += a0
                sketch[cell, 1] += a1
                sketch[cell, 2] += a2
                sketch[cell, 3] += a3
                offset += width
        position += 1
    return position


@njit(nogil=True, cache=True)
def write_out(sketch: np.ndarray, out: np.ndarray, first_life: int) -> None:
    """Copy the lanes into `out`, (half-lives, cells), from half-life `first_life` on."""
    for lane in range(min(LANES, out.shape[0] - first_life)):
        target = out[first_life + lane]
        for cell in range(len(sketch)):
            target[cell] = sketch[cell, lane]


@njit(nogil=True, cache=True)
def fade(sketch: np.ndarray, days: float, rates: np.ndarray) -> None:
    """Bring a sketch forward in time."""
    k0, k1 = np.float32(half_power(days * rates[0])), np.float32(half_power(days * rates[1]))
    k2, k3 = np.float32(half_power(days * rates[2])), np.float32(half_power(days * rates[3]))
    for cell in range(len(sketch)):
        sketch[cell, 0] *= k0
        sketch[cell, 1] *= k1
        sketch[cell, 2] *= k2
        sketch[cell, 3] *= k3


@njit(parallel=True, nogil=True, cache=True)
def sketch_entities(
    start: np.ndarray,
    place: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    width: int,
    cutoffs: np.ndarray,
    rates: np.ndarray,
    carried: np.ndarray,
    done: int,
    is_open: bool,
    out: np.ndarray,
) -> int:
    """Sketches of consecutive entities.

    Args:
        start: Events of segment s are `start[s]:start[s + 1]`, (segments + 1,).
        place: Row of `out` of each segment, (segments,).
        time: Ascending in a segment, (events,), any unit.
        codes: Rows of `table`; negative ones are skipped, (events,).
        weights: Factor of each event, (events,), or empty for 1.
        table: Cell of each element in each depth row, (elements, depth).
        cutoffs: Ascending, in the unit of `time`, (cutoffs,).
        rates: 1 / half-life per that unit, (groups, LANES).
        carried: Sketch of the first segment's entity so far, (groups, cells, LANES); on return that of the last one
            if `is_open`, else zeros.
        done: Cutoffs of the first segment's entity that are written already.
        is_open: Whether the last segment's entity may go on in later events.
        out: (rows, cutoffs, half-lives, cells); each cutoff that is over is written once.

    Returns:
        Cutoffs of the last segment's entity that are written.
    """
    segments, count, groups, cells = len(start) - 1, len(cutoffs), len(rates), carried.shape[1]
    reached = np.zeros(1, np.int64)
    incoming = carried.copy()
    carried[:] = 0
    for block in prange((segments + BLOCK - 1) // BLOCK):
        sketch = np.zeros((cells, LANES), np.float32)
        for segment in range(block * BLOCK, min((block + 1) * BLOCK, segments)):
            for group in range(groups):
                begin = 0
                if segment == 0:
                    begin = done
                    sketch[:] = incoming[group]
                position, last = start[segment], start[segment + 1]
                held = is_open and segment == segments - 1
                c = begin
                while c < count:
                    position = add_events(
                        sketch, position, last, cutoffs[c], time, codes, weights, table, width, rates[group]
                    )
                    if held and position == last:
                        break
                    write_out(sketch, out[place[segment], c], group * LANES)
                    if c + 1 < count:
                        fade(sketch, float(cutoffs[c + 1] - cutoffs[c]), rates[group])
                    c += 1
                if held:
                    carried[group] = sketch
                    reached[0] = c
                sketch[:] = 0
    return reached[0]


@njit(nogil=True, cache=True)
def segment(owner: np.ndarray, time: np.ndarray, start: np.ndarray, names: np.ndarray) -> int:
    """Find runs of one owner: their first events into `start`, owners into `names`.

    Returns:
        The number of runs; or -1 - row of the first event that is out of (owner, time) order.
    """
    runs = 0
    for row in range(len(owner)):
        if row == 0 or owner[row] != owner[row - 1]:
            if row > 0 and owner[row] < owner[row - 1]:
                return -1 - row
            start[runs], names[runs] = row, owner[row]
            runs += 1
        elif time[row] < time[row - 1]:
            return -1 - row
    start[runs] = len(owner)
    return runs
