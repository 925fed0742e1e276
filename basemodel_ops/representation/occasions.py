"""Occasions of entities in their order: what happened at once."""

import numpy as np

from basemodel_ops.representation.events import NO_SESSION


def occasions(owner: np.ndarray, time: np.ndarray, session: np.ndarray | None = None) -> np.ndarray:
    """Number of the occasion of each event, int64 (events,), counted over all entities from 0.

    Events of one entity that follow each other in one session are one occasion; without sessions, those of one moment.

    Args:
        owner: Entity of each event; events are sorted by it, then by time.
        time: Moment of each event, (events,).
        session: Session of each event, (events,) int64, `NO_SESSION` where there is none.
    """
    starts = np.ones(len(owner), bool)
    other = time[1:] != time[:-1]
    if session is not None:
        other = np.where((session[1:] == NO_SESSION) | (session[:-1] == NO_SESSION), other, session[1:] != session[:-1])
    starts[1:] = other | (owner[1:] != owner[:-1])
    return np.cumsum(starts) - 1
