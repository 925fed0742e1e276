"""Numbers of events at many cutoffs: decayed sums and means per half-life, and the last value."""

from typing import NamedTuple

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import per_entity
from basemodel_ops.emde.decay import half_power


class Moments(NamedTuple):
    """What a number column says about each entity before each cutoff; not finite values are not seen."""

    total_weight: np.ndarray
    """Decayed number of values, float32 (entities, cutoffs, half-lives)."""
    total: np.ndarray
    """Decayed sum, float32 (entities, cutoffs, half-lives)."""
    mean: np.ndarray
    """Decayed mean, float32 (entities, cutoffs, half-lives); 0 where there is no value."""
    last: np.ndarray
    """Newest value, float32 (entities, cutoffs); not-a-number where there is none."""


@njit(nogil=True, cache=True)
def _moments(
    start: np.ndarray,
    time: np.ndarray,
    values: np.ndarray,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
    sums: np.ndarray,
    last: np.ndarray,
) -> None:
    half_life_count = len(half_lives)
    for entity in range(len(start) - 1):
        state = np.zeros((half_life_count, 2))
        position, end, newest = start[entity], start[entity + 1], np.float32(np.nan)
        for c in range(cutoffs.shape[1]):
            cutoff = cutoffs[entity, c]
            # A repeated cutoff says the same again: not even a rounding apart.
            if c > 0 and cutoff > cutoffs[entity, c - 1]:
                for half_life in range(half_life_count):
                    keep = half_power(float(cutoff - cutoffs[entity, c - 1]) / half_lives[half_life])
                    state[half_life, 0] *= keep
                    state[half_life, 1] *= keep
            while position < end and time[position] < cutoff:
                value = values[position]
                if np.isfinite(value):
                    newest = np.float32(value)
                    age = float(cutoff - time[position])
                    for half_life in range(half_life_count):
                        weight = half_power(age / half_lives[half_life])
                        state[half_life, 0] += weight
                        state[half_life, 1] += weight * value
                position += 1
            last[entity, c] = newest
            sums[entity, c] = state


def decayed_moments(
    start: np.ndarray, time: np.ndarray, values: np.ndarray, cutoffs: np.ndarray, half_lives: np.ndarray
) -> Moments:
    """Sums, means and last values strictly before each cutoff; arguments as in `sketch_histories`."""
    timestamps = per_entity(cutoffs, len(start) - 1)
    shape = (*timestamps.shape, len(half_lives))
    sums, last = np.zeros((*shape, 2)), np.full(shape[:2], np.nan, np.float32)
    _moments(start, time, values, timestamps, np.asarray(half_lives, np.float64), sums, last)
    total_weight, total = sums[..., 0], sums[..., 1]
    mean = np.divide(total, total_weight, out=np.zeros_like(total), where=total_weight > 0)
    return Moments(total_weight.astype(np.float32), total.astype(np.float32), mean.astype(np.float32), last)
