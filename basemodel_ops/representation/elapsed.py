"""Days between a moment that a row names and a cutoff: since signing up, until a contract ends.

A moment ahead of the cutoff is unknown, unless it is planned: a table that is filled in later, as when an order comes
back, would tell the future otherwise.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import as_rows
from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.layout import Spec

ROUNDED = 2.0**-23
"""How far a number of single precision may be from what it was, as a share of it."""

DAYS, KNOWN, LEAD = "days", "known", "lead"
"""Details of blocks: days from the moment to the cutoff, whether it is known, days from its event to it."""


def elapsed_specs(source: str, names: Iterable[str], with_lead: bool) -> list[Spec]:
    """Blocks of `elapsed_values`, or `history_elapsed` with the lead."""
    details = (DAYS, KNOWN, LEAD) if with_lead else (DAYS, KNOWN)
    return [("elapsed", source, name, detail, 1) for name in names for detail in details]


def elapsed_values(timestamp: np.ndarray, is_known: np.ndarray, cutoff: np.ndarray, planned: bool) -> np.ndarray:
    """Log-scaled days from moments to cutoffs, negative of what is ahead, and whether they are known there.

    float32 (..., 2), 0 where unknown.

    Args:
        timestamp: Microseconds; int64 of any shape.
        is_known: Whether there is one, of that shape.
        cutoff: Microseconds, of a shape that broadcasts to it.
        planned: Whether moments ahead are known as well.
    """
    days = (cutoff - np.where(is_known, timestamp, cutoff)) / DAY
    is_seen = is_known & (planned | (days > 0))
    return np.stack([np.where(is_seen, signed_log1p(days), 0), is_seen], axis=-1).astype(np.float32)


def history_elapsed(history: History, names: Mapping[str, bool], cutoffs: np.ndarray) -> np.ndarray:
    """The newest moment of each column among the events before each cutoff, float32 (entities, cutoffs, 3 x columns).

    Days to the cutoff and whether it is known, as in `elapsed_values`, and log-scaled days from its event to it. Of
    several, the newest event tells whose moment is known at the cutoff.

    Args:
        history: Of the entities, with the days from each event to the moments in its numbers.
        names: Columns, and whether each is planned.
        cutoffs: Microseconds, shared (cutoffs,) or of each entity (entities, cutoffs).
    """
    end = history.positions(cutoffs)
    rows = as_rows(np.asarray(cutoffs, np.int64), history.entities)
    blocks = [np.zeros((*end.shape, 0), np.float32)]
    for name, planned in names.items():
        lead = history.numbers[name].astype(np.float64)
        # A date that is the cutoff's own must not seem to be a moment before it: where in doubt it is later.
        exact = np.where(np.isfinite(lead), lead, 0) * DAY
        rounded = exact if planned else exact + np.abs(exact) * ROUNDED
        timestamp = history.time + np.ceil(rounded).astype(np.int64)
        at = np.full(end.shape, -1)
        _newest_known(history.start, end, timestamp, np.isfinite(lead), rows, planned, at)
        is_known = at >= 0
        shown = np.where(is_known, at, 0)
        days, moment = (values[shown] if len(lead) else np.zeros(at.shape) for values in (lead, timestamp))
        values = elapsed_values(moment, is_known, rows, planned)
        lead_values = np.where(is_known, signed_log1p(days), 0)
        blocks += [values, lead_values[..., None].astype(np.float32)]
    return np.concatenate(blocks, axis=-1)


@njit(nogil=True, cache=True)
def _newest_known(
    start: np.ndarray, end: np.ndarray, timestamp: np.ndarray, is_known: np.ndarray, cutoffs: np.ndarray, planned: bool,
    out: np.ndarray,
) -> None:  # fmt: skip
    """The newest event before each cutoff whose moment is known there, events (entities, cutoffs), else as it was.

    An event whose moment is filled in later does not hide an older one: when it was asked, it was not there.
    """
    for entity in range(end.shape[0]):
        for cutoff in range(end.shape[1]):
            for event in range(end[entity, cutoff] - 1, start[entity] - 1, -1):
                if is_known[event] and (planned or timestamp[event] < cutoffs[entity, cutoff]):
                    out[entity, cutoff] = event
                    break
