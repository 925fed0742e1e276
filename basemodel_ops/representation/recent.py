"""The newest events before a cutoff, one by one: their items, their numbers and the gaps between them.

Decayed counts say how much of everything there was; what came last, and in which order, only single events say.
"""

import numpy as np
from numba import njit

from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Spec
from basemodel_ops.representation.scalars import ABSENT_DAYS

EVENTS = 4
"""Newest events of a source that are told one by one."""

RAREST = 2047
"""Items after this many, the most frequent first, are one: half-precision numbers count no further without gaps."""

PROFILE = ("most_frequent", "share", "distinct", "entropy")
"""Numbers of `profile_values`, of each column."""

OF_COLUMN = 2 * EVENTS - 1 + len(PROFILE)
"""Numbers of a category column of this module."""

MINUTE = 60_000_000  # microseconds


def recent_specs(source: str, columns: list[str], numbers: list[str]) -> list[Spec]:
    """Blocks of `recent_values`: of each place, the newest first, a gap, items per column, and numbers."""
    recencies = [f"{k}" for k in range(1, EVENTS + 1)]
    specs: list[Spec] = [("recent_gap", source, "", k, 1) for k in recencies]
    for column in columns:
        specs += [("recent_item", source, column, k, 1) for k in recencies]
        specs += [("recent_same", source, column, k, 1) for k in recencies[1:]]
    return specs + [("recent_number", source, number, k, 1) for number in numbers for k in recencies]


def recent_values(history: History, columns: list[str], numbers: list[str], cutoffs: np.ndarray) -> np.ndarray:
    """The newest events strictly before each cutoff, float32 (entities, cutoffs, numbers).

    A gap is log(1 + minutes) from an event to the one after it, or to the cutoff; it is that of ten years where there
    is no event. An item is its rank by frequency from 1 on, 0 where there is none; whether it is that of the newest
    event stands beside it. Numbers are log-scaled.

    Args:
        history: Of the entities.
        columns: Category columns.
        numbers: Number columns.
        cutoffs: Microseconds, shared (cutoffs,) or of each entity (entities, cutoffs).
    """
    end = history.positions(cutoffs)
    at = end[..., None] - np.arange(1, EVENTS + 1)
    there = at >= history.start[:-1, None, None]
    at = np.where(there, at, 0)
    absent = np.log1p(ABSENT_DAYS * 24 * 60)
    time = _taken(history.time, at)
    until = np.concatenate([np.broadcast_to(cutoffs, end.shape)[..., None], time[..., :-1]], axis=-1)
    gaps = np.log1p(np.maximum(until - time, 0) / MINUTE)
    blocks = [np.where(there, gaps, absent)]
    for column in columns:
        items = np.minimum(_taken(history.item_ids[column], at) + 1, RAREST)
        items = np.where(there, np.maximum(items, 0), 0)
        blocks += [items, (items[..., 1:] == items[..., :1]) & (items[..., 1:] > 0)]
    for number in numbers:
        values = np.nan_to_num(_taken(history.numbers[number], at), posinf=0, neginf=0)
        blocks.append(np.where(there, signed_log1p(values), 0))
    return np.concatenate(blocks, axis=-1).astype(np.float32)


def _taken(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at places; zeros where there is no event at all."""
    return values[at] if len(values) else np.zeros(at.shape, values.dtype)


@njit(cache=True, nogil=True, error_model="numpy")
def _profile_values(counts: np.ndarray, sizes: np.ndarray, out: np.ndarray) -> None:
    for entity in range(counts.shape[0]):
        for cutoff in range(counts.shape[1]):
            low = 0
            for column, size in enumerate(sizes):
                total, distinct, most_frequent, most, logs = 0.0, 0, 0, np.float32(0), 0.0
                for item in range(size):
                    count = counts[entity, cutoff, low + item]
                    if count > 0:
                        total += count
                        distinct += 1
                        logs += count * np.log(count)
                        if count > most:
                            most_frequent, most = item + 1, count
                low += size
                profile = out[entity, cutoff, column * len(PROFILE) :]
                profile[0], profile[2] = most_frequent, distinct
                profile[1] = most / total if total > 0 else 0
                profile[3] = max(np.log(total) - logs / total, 0) if total > 0 else 0


def profile_values(counts: np.ndarray, sizes: list[int]) -> np.ndarray:
    """What is usual of each column, float32 (entities, cutoffs, columns x `PROFILE`).

    The rank of the most counted item from 1 on, 0 where there is none; its share of all that is counted; how many items
    are; and the entropy of the shares, in nats.

    Args:
        counts: Of the items of all columns, side by side, float32 (entities, cutoffs, items).
        sizes: Items of each column.
    """
    out = np.zeros((*counts.shape[:2], len(sizes) * len(PROFILE)), np.float32)
    _profile_values(np.ascontiguousarray(counts), np.array(sizes, np.int64), out)
    return out
