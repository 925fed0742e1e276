"""Sums of numbers over the events of each item, at many cutoffs: what was paid in, and what was paid out."""

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import per_entity
from basemodel_ops.emde.decay import half_power


@njit(nogil=True, cache=True)
def _item_sums(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, values: np.ndarray, cutoffs: np.ndarray,
    half_lives: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    half_life_count, numbers = out.shape[2], out.shape[3]
    sums = np.zeros(out.shape[2:])
    for entity in range(len(start) - 1):
        sums[:] = 0
        position, end = start[entity], start[entity + 1]
        for c in range(cutoffs.shape[1]):
            cutoff = cutoffs[entity, c]
            # A repeated cutoff says the same again: not even a rounding apart.
            if c > 0 and cutoff > cutoffs[entity, c - 1]:
                for half_life in range(half_life_count):
                    sums[half_life] *= half_power(float(cutoff - cutoffs[entity, c - 1]) / half_lives[half_life])
            while position < end and time[position] < cutoff:
                age = float(cutoff - time[position])
                for half_life in range(half_life_count):
                    weight = half_power(age / half_lives[half_life])
                    for track in range(cells.shape[1]):
                        cell = cells[position, track]
                        if cell < 0:
                            continue
                        for number in range(numbers):
                            value = values[number, position]
                            if np.isfinite(value):
                                sums[half_life, number, cell] += weight * value
                position += 1
            out[entity, c] = sums


def decayed_item_sums(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, values: np.ndarray, cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Decayed sums of numbers over the events in each cell strictly before each cutoff.

    Args:
        start: Where the events of each entity begin, (entities + 1,).
        time: Of the events, ascending within an entity, in days.
        cells: Of the events, int32 (events, tracks); -1 for none.
        size: Number of cells.
        values: float32 (numbers, events); those that are not finite are not seen.
        cutoffs: (cutoffs,) or (entities, cutoffs), ascending, in days.
        half_lives: In days.

    Returns:
        float32 (entities, cutoffs, half-lives, numbers, size).
    """
    timestamps = per_entity(cutoffs, len(start) - 1)
    out = np.zeros((*timestamps.shape, len(half_lives), len(values), size), np.float32)
    numbers = np.ascontiguousarray(values, np.float32)
    _item_sums(start, time, cells, numbers, timestamps, np.asarray(half_lives, np.float64), out)
    return out
