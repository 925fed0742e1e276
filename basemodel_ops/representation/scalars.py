"""Automatic scalars: counts, sums, recency and gaps per source and window."""

from collections.abc import Sequence

import numpy as np

from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.representation.events import NO_SESSION
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.observed import YEAR, observed_days, window_factors

RECENT_DAYS = (1, 2, 3, 5, 8)
"""Recency is measured to the k-th last active day."""

ABSENT_DAYS = 3650.0
"""How long ago an event is said to be that never was: the same at every cutoff, in training as in scoring."""


def _totals(history: History, numbers: Sequence[str] | None) -> np.ndarray:
    """Running totals before each event, float64 (events + 1, 3 + numbers): events, sessions, active days, sums."""
    entity_index = history.entity_index
    day = history.time // DAY
    first = np.ones(len(day), bool)
    first[1:] = (day[1:] != day[:-1]) | (entity_index[1:] != entity_index[:-1])
    columns = [np.ones(len(day)), _starts(history, entity_index), first]
    numbers = list(history.numbers) if numbers is None else numbers
    columns += [np.nan_to_num(history.numbers[name].astype(np.float64), posinf=0, neginf=0) for name in numbers]
    totals = np.zeros((len(columns), len(day) + 1))  # columns first: long rows are summed many times faster
    for total, column in zip(totals, columns, strict=True):
        np.cumsum(column, out=total[1:])
    return totals.T


def _starts(history: History, entity_index: np.ndarray) -> np.ndarray:
    """1 for the first event of a session and for every event without one, (events,)."""
    if history.session is None or len(entity_index) == 0:
        return np.ones(len(entity_index))
    order = np.lexsort((history.session, entity_index))  # it is stable
    starts = np.zeros(len(entity_index))
    fresh = np.ones(len(entity_index), bool)
    fresh[1:] = (history.session[order][1:] != history.session[order][:-1]) | (
        entity_index[order][1:] != entity_index[order][:-1]
    )
    starts[order[fresh]] = 1
    starts[history.session == NO_SESSION] = 1
    return starts


def scalar_names(history_numbers: list[str], windows: tuple[int, ...]) -> list[str]:
    """Names of the scalars of a source, in order."""
    measures = ["events", "sessions", "active_days", *[f"sum_{name}" for name in history_numbers]]
    window_names = [*[f"{window}d" for window in windows], "all"]
    names = [f"{measure}_{window}" for window in window_names for measure in measures]
    return [*names, *[f"recency_{k}" for k in RECENT_DAYS], "tenure", "mean_gap", "overdue"]


def history_scalars(
    history: History,
    cutoffs: np.ndarray,
    windows: tuple[int, ...],
    first_event_time: int,
    numbers: Sequence[str] | None = None,
) -> np.ndarray:
    """Scalars of what happened before each cutoff, float32 (entities, cutoffs, scalars), log-scaled.

    Amounts of windows that reach back beyond `first_event_time`, the source's first event (microseconds), stand for
    whole windows; those of all time, and the tenure, are per year observed. Cutoffs are shared, or (entities, cutoffs).
    Summed are the `numbers` named, or all.
    """
    totals = _totals(history, numbers)
    end = history.positions(cutoffs)
    begin = np.broadcast_to(history.start[:-1, None], end.shape)
    blocks = []
    factors = np.moveaxis(window_factors(cutoffs, first_event_time, windows), -1, 0)
    for window, factor in zip((*windows, None), factors, strict=True):
        low = begin if window is None else history.positions(cutoffs - window * DAY)
        blocks.append((totals[end] - totals[low]) * factor[..., None])
    day_rows = np.flatnonzero(np.diff(totals[:, 2]) > 0)
    day_time = history.time[day_rows] // DAY * DAY
    last, first = totals[end, 2].astype(np.int64), totals[begin, 2].astype(np.int64)
    recency = []
    for k in RECENT_DAYS:
        there = last - k >= first
        timestamp = day_time[np.where(there, last - k, 0)] if len(day_time) else np.zeros(end.shape, np.int64)
        recency.append(np.where(there, (cutoffs - timestamp) / DAY, ABSENT_DAYS))
    active = last - first
    oldest = day_time[np.where(active > 0, first, 0)] if len(day_time) else np.zeros(end.shape, np.int64)
    tenure = np.where(active > 0, (cutoffs - oldest) / DAY, 0)
    active_days = np.where(active > 1, tenure - recency[0], 0)
    gap = np.where(active > 1, active_days / np.maximum(active - 1, 1), ABSENT_DAYS)
    per_year = tenure * YEAR / observed_days(cutoffs, first_event_time)
    rest = np.stack([*recency, per_year, gap, recency[0] / np.maximum(gap, 0.5)], axis=2)
    return signed_log1p(np.concatenate([*blocks, rest], axis=2)).astype(np.float32)


def target_scalars(
    history: History, cutoffs: np.ndarray, horizons: tuple[int, ...], numbers: Sequence[str] | None = None
) -> np.ndarray:
    """Activity in [cutoff, cutoff + horizon): any event, log counts and log sums, then the log days to the next event.

    float32 (entities, cutoffs, horizons x (4 + numbers) + 1). Cutoffs are shared, or (entities, cutoffs).
    """
    totals, begin = _totals(history, numbers), history.positions(cutoffs)
    blocks = []
    for days in horizons:
        change = totals[history.positions(cutoffs + days * DAY)] - totals[begin]
        blocks += [change[..., :1] > 0, signed_log1p(change)]
    longest = max(horizons)
    there = begin < history.start[1:, None]
    next_event = history.time[np.minimum(begin, max(len(history.time) - 1, 0))] if len(history.time) else begin
    wait = np.where(there, np.minimum((next_event - cutoffs) / DAY, longest), longest)
    return np.concatenate([*blocks, np.log1p(wait)[..., None]], axis=2).astype(np.float32)
