"""Numbers over the events of each item, at many cutoffs: what was paid in and what was paid out, results by test."""

from typing import NamedTuple

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import per_entity
from basemodel_ops.emde.decay import half_power


class ItemNumbers(NamedTuple):
    """What numbers say of the events in each cell before each cutoff; not finite values are not seen."""

    total: np.ndarray
    """Decayed sum, float32 (entities, cutoffs, half-lives, numbers, cells)."""
    mean: np.ndarray
    """Decayed mean, of the same shape; 0 where there is no value."""
    last: np.ndarray
    """Newest value, float32 (entities, cutoffs, numbers, cells); 0 where there is none."""


@njit(nogil=True, cache=True)
def _item_numbers(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, values: np.ndarray, cutoffs: np.ndarray,
    half_lives: np.ndarray, faded: np.ndarray, last: np.ndarray,
) -> None:  # fmt: skip
    half_life_count, numbers = faded.shape[3], faded.shape[4]
    sums, means, weights = (np.zeros(faded.shape[3:]), np.zeros(faded.shape[3:]), np.zeros(faded.shape[3:]))
    newest = np.zeros(last.shape[2:], np.float32)
    for entity in range(len(start) - 1):
        sums[:], means[:], weights[:], newest[:] = 0, 0, 0, 0
        position, end = start[entity], start[entity + 1]
        for c in range(cutoffs.shape[1]):
            cutoff = cutoffs[entity, c]
            # A repeated cutoff says the same again: not even a rounding apart.
            if c > 0 and cutoff > cutoffs[entity, c - 1]:
                for half_life in range(half_life_count):
                    keep = half_power(float(cutoff - cutoffs[entity, c - 1]) / half_lives[half_life])
                    sums[half_life] *= keep
                    weights[half_life] *= keep
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
                                newest[number, cell] = value
                                sums[half_life, number, cell] += weight * value
                                weights[half_life, number, cell] += weight
                                # Kept as it is while nothing comes, however little its weight has become.
                                total_weight = weights[half_life, number, cell]
                                share = weight / total_weight if total_weight > 0 else 1.0
                                means[half_life, number, cell] += share * (value - means[half_life, number, cell])
                position += 1
            faded[0, entity, c], faded[1, entity, c], last[entity, c] = sums, means, newest


def item_numbers(
    start: np.ndarray, time: np.ndarray, cells: np.ndarray, size: int, values: np.ndarray, cutoffs: np.ndarray,
    half_lives: np.ndarray,
) -> ItemNumbers:  # fmt: skip
    """Decayed sums and means of numbers over the events in each cell strictly before each cutoff, and newest values.

    Args:
        start: Where the events of each entity begin, (entities + 1,).
        time: Of the events, ascending within an entity, in days.
        cells: Of the events, int32 (events, tracks); -1 for none.
        size: Number of cells.
        values: float32 (numbers, events); those that are not finite are not seen.
        cutoffs: (cutoffs,) or (entities, cutoffs), ascending, in days.
        half_lives: In days.
    """
    timestamps = per_entity(cutoffs, len(start) - 1)
    faded = np.zeros((2, *timestamps.shape, len(half_lives), len(values), size), np.float32)
    last = np.zeros((*timestamps.shape, len(values), size), np.float32)
    numbers = np.ascontiguousarray(values, np.float32)
    _item_numbers(start, time, cells, numbers, timestamps, np.asarray(half_lives, np.float64), faded, last)
    return ItemNumbers(faded[0], faded[1], last)
