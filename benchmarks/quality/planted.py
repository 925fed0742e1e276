"""What the process that generated `web_events` allows: boosting that is told the cause, and little else."""

import numpy as np

from benchmarks.quality.events import DAY, Events

FAILED, CALL, WITHIN = "failed payment", "support call", 7 * DAY


def causes(events: Events) -> np.ndarray:
    """Whether each event is a call to support within seven days of a failed payment of the same visitor, (events,)."""
    row_index = np.arange(len(events.item))
    failed = np.maximum.accumulate(np.where(events.item == events.items.get_loc(FAILED), row_index, -1))
    current = failed >= events.start[events.entity_index]
    recent = events.time < events.time[np.maximum(failed, 0)] + WITHIN
    return (events.item == events.items.get_loc(CALL)) & current & recent


def with_cause(events: Events, entity_index: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """Ages of the newest cause and of the newest event, events since that cause, and events, before each cutoff.

    Returns:
        float32 (rows, 4); what is not there is far.
    """
    begin, end = events.start[entity_index], events.before(entity_index, cutoff)
    row_index = np.arange(len(events.item))
    newest = np.maximum.accumulate(np.where(causes(events), row_index, -1))[np.maximum(end - 1, 0)]
    there = (newest >= begin) & (end > begin)

    def age(at: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.where(known, (cutoff - events.time[np.maximum(at, 0)]) / DAY, 1000)

    since = np.where(there, end - newest - 1, 1000)
    return np.column_stack([age(newest, there), age(end - 1, end > begin), since, end - begin]).astype(np.float32)
