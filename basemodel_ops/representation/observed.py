"""How much of a window could be observed: where a source began within it, what was seen stands for the whole.

Without this the same count means less at an early cutoff than at a late one, and what is learnt at the first is wrong
at the second: a window of a year holds eight weeks of events eight weeks after the first.
"""

import numpy as np

from basemodel_ops.representation.history import DAY

LEAST_DAYS = 7.0
"""Less than a week says too little to stand for more."""

YEAR = 365.0
"""Amounts of all time are told per so many days."""


def observed_days(cutoffs: np.ndarray, first_event_time: int) -> np.ndarray:
    """Days from the first event of a source (microseconds) to each cutoff (microseconds), at least `LEAST_DAYS`."""
    return np.maximum((cutoffs - first_event_time) / DAY, LEAST_DAYS)


def window_factors(cutoffs: np.ndarray, first_event_time: int, windows: tuple[int, ...]) -> np.ndarray:
    """By what an amount of each window (days), then of all time, is multiplied, (..., cutoffs, windows + 1)."""
    seen = observed_days(cutoffs, first_event_time)[..., None]
    days = np.asarray(windows, np.float64)
    return np.concatenate([days / np.minimum(days, seen), YEAR / seen], axis=-1)


def decay_factors(cutoffs: np.ndarray, first_event_time: int, half_lives: np.ndarray) -> np.ndarray:
    """By what a decayed amount of each half-life (days) is multiplied, (..., cutoffs, half-lives)."""
    return 1 / (1 - np.exp2(-observed_days(cutoffs, first_event_time)[..., None] / half_lives))
