"""Moments at which heads are compared, each later than all that the heads had learnt from."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

Origin = tuple[np.ndarray, np.ndarray]
"""Rows to learn from and rows to measure by."""

ORIGINS = 3
"""Moments that heads are compared at, at most: validation, and earlier ones within the training rows."""

LEAST_PART = 1 / 3
"""Of the training rows, at least what is learnt from at each moment."""

WEEK = 7
"""Days whose cutoffs an earlier moment is measured at, at least: what ships must answer on every weekday."""

LEAST_MEASURED, MOST_OF_TRAINING = 1_000, 10
"""Rows that an earlier moment is measured by, at least, unless that took more than a tenth of the time of training."""

TRAINING_ROWS, MEASURED = 40_000, 10_000
"""Rows that are learnt from and measured at an earlier moment, at most."""


def rolling_origins(
    cutoff: np.ndarray, part: np.ndarray, horizon: int | None, horizon_length: int, seed: int, most: int = ORIGINS,
    known: np.ndarray | None = None,
) -> list[Origin]:  # fmt: skip
    """Rows to learn from and rows to measure by, per moment, the newest first.

    The first are the parts themselves. Each of the others is measured at as many cutoffs as validation has, at least at
    those of a week and at so many that `LEAST_MEASURED` rows are there, a horizon before the moment after it; it learns
    from what was known when these begin. Traits do not move in time: their other moments are random parts of the same
    sizes.

    Args:
        cutoff: (rows,), in the unit of `horizon_length`.
        part: (rows,) "train", "validation" or another.
        horizon: Of the task; None of a trait.
        horizon_length: The horizon in the unit of the cutoffs.
        seed: Of what is drawn.
        most: Moments, at most.
        known: (rows,) when each label was known, of rows at moments of their own: in the place of as many cutoffs there
            is as long a time.
    """
    train, validation = np.flatnonzero(part == "train"), np.flatnonzero(part == "validation")
    generator = np.random.default_rng((seed, 4))
    if horizon is None:
        earlier = _random_parts(train, validation, generator)
    elif known is not None:
        earlier = _origins_in_time(cutoff, part, known, generator)
    else:
        earlier = _origins_on_grid(cutoff, part, (horizon, horizon_length), generator)
    return [(train, validation), *islice(earlier, max(most - 1, 0))]


def _random_parts(train: np.ndarray, validation: np.ndarray, generator: np.random.Generator) -> Iterator[Origin]:
    both = np.concatenate([train, validation])
    while True:
        mixed = generator.permutation(both)
        yield np.sort(mixed[len(validation) :]), np.sort(mixed[: len(validation)])


def _origins_in_time(
    cutoff: np.ndarray, part: np.ndarray, known: np.ndarray, generator: np.random.Generator
) -> Iterator[Origin]:
    """Earlier intervals of rows at moments of their own, by when their labels were known."""
    train, validation = np.flatnonzero(part == "train"), np.flatnonzero(part == "validation")
    begin, length = cutoff[validation].min(), cutoff[validation].max() + 1 - cutoff[validation].min()
    length = max(length, _span_of_enough(cutoff[train], int(begin)))
    until = _measured_until(cutoff, part, known)
    while True:
        past = train[known[train] <= begin - length]
        # Also those that became known when it was over: without them what takes long would seem seldom.
        measured = np.flatnonzero((cutoff > begin - length) & (cutoff < begin) & (known <= until))
        if len(past) < max(LEAST_PART * len(train), 1) or not len(measured):
            return
        yield _sample(past, TRAINING_ROWS, generator), _sample(measured, MEASURED, generator)
        begin -= length


def _origins_on_grid(
    cutoff: np.ndarray, part: np.ndarray, horizon: tuple[int, int], generator: np.random.Generator
) -> Iterator[Origin]:
    """Earlier cutoffs of a grid; the horizon in days and in the unit of the cutoffs."""
    train, validation = np.flatnonzero(part == "train"), np.flatnonzero(part == "validation")
    days, length = horizon
    width, begin = len(np.unique(cutoff[validation])), cutoff[validation].min()
    week = WEEK * length // max(days, 1)
    while True:
        before, counts = np.unique(cutoff[train][cutoff[train] + length <= begin], return_counts=True)
        if len(before):
            of_week = int((before > before[-1] - week).sum())
            before = before[-max(width, of_week, _cutoffs_of_enough(counts)) :]
        past = train[cutoff[train] + length <= before[0]] if len(before) else train[:0]
        if len(past) < max(LEAST_PART * len(train), 1):
            return
        measured, begin = train[np.isin(cutoff[train], before)], before[0]
        yield _sample(past, TRAINING_ROWS, generator), _sample(measured, MEASURED, generator)


def _measured_until(cutoff: np.ndarray, part: np.ndarray, known: np.ndarray) -> int:
    """The moment by which labels must be known to measure heads: the test begins there."""
    is_test = part == "test"
    return int(cutoff[is_test].min() if is_test.any() else known[part == "validation"].max())


def _cutoffs_of_enough(counts: np.ndarray) -> int:
    """How many of the last cutoffs, with these numbers of rows (cutoffs,), have `LEAST_MEASURED` rows."""
    enough = int(np.searchsorted(np.cumsum(counts[::-1]), LEAST_MEASURED)) + 1
    return min(enough, len(counts) // MOST_OF_TRAINING)


def _span_of_enough(cutoff: np.ndarray, begin: int) -> int:
    """How long before `begin` the last `LEAST_MEASURED` of the rows (rows,) lie."""
    earlier = np.sort(cutoff[cutoff <= begin])
    if not len(earlier):
        return 0
    most = (begin - int(earlier[0])) // MOST_OF_TRAINING
    return min(begin - int(earlier[-min(LEAST_MEASURED, len(earlier))]) + 1, most)


def _sample(rows: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))
