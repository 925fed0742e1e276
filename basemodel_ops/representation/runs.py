"""Runs of the same item: how often the newest came in a row, since when, and how seldom what comes changes.

A case that is handed on for the fifth time is not one that was just opened, though the newest item is the same.
"""

import numpy as np

from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Spec
from basemodel_ops.representation.recent import MINUTE
from basemodel_ops.representation.scalars import ABSENT_DAYS

RUN = ("length", "age", "runs")
"""Numbers of `run_values`, of each column."""


def run_specs(source: str, columns: list[str]) -> list[Spec]:
    """Blocks of `run_values`."""
    return [("run", source, column, name, 1) for column in columns for name in RUN]


def run_values(history: History, columns: list[str], cutoffs: np.ndarray) -> np.ndarray:
    """The newest run of each column strictly before each cutoff, float32 (entities, cutoffs, columns x `RUN`).

    A run is events of one entity that follow each other with the same item, or with none. Told are log(1 + events) of
    the newest; log(1 + minutes) since it began, ten years where there is no event; and runs as a share of all events.

    Args:
        history: Of the entities.
        columns: Category columns.
        cutoffs: Microseconds, shared (cutoffs,) or of each entity (entities, cutoffs).
    """
    end, begin = history.positions(cutoffs), history.start[:-1, None]
    there, events = end > begin, len(history.time)
    if not events:
        empty = np.broadcast_to([0, _absent(), 0], (len(columns), len(RUN))).ravel()
        return np.broadcast_to(empty, (*end.shape, empty.size)).astype(np.float32)
    newest = np.where(there, end - 1, 0)
    oldest = np.minimum(np.broadcast_to(begin, end.shape), events - 1)
    is_first = np.zeros(events, bool)
    is_first[history.start[:-1][np.diff(history.start) > 0]] = True
    results = []
    for column in columns:
        codes, fresh = history.item_ids[column], is_first.copy()
        fresh[1:] |= codes[1:] != codes[:-1]
        number = np.cumsum(fresh, dtype=np.int32)
        first_event_time = np.flatnonzero(fresh)[number[newest] - 1]
        age = np.log1p(np.maximum(cutoffs - history.time[first_event_time], 0) / MINUTE)
        runs = (number[newest] - number[oldest] + 1) / np.maximum(end - begin, 1)
        results += [np.where(there, np.log1p(newest - first_event_time + 1), 0), np.where(there, age, _absent())]
        results.append(np.where(there, runs, 0))
    shape = (*end.shape, len(results))
    return np.stack(results, axis=-1).astype(np.float32) if results else np.zeros(shape, np.float32)


def _absent() -> float:
    return float(np.log1p(ABSENT_DAYS * 24 * 60))
