"""Sessions of entities in their order: what happened at once."""

import numpy as np
from numba import njit

from basemodel_ops.representation.events import NO_SESSION


def session_indices(entity_index: np.ndarray, time: np.ndarray, session: np.ndarray | None = None) -> np.ndarray:
    """Number of the session of each event, int64 (events,), counted over all entities from 0.

    Events of one entity that follow each other in one session are one session; without sessions, those of one moment.

    Args:
        entity_index: Entity of each event; events are sorted by it, then by time.
        time: Moment of each event, (events,).
        session: Session of each event, (events,) int64, `NO_SESSION` where there is none.
    """
    starts = np.ones(len(entity_index), bool)
    other = time[1:] != time[:-1]
    if session is not None:
        other = np.where((session[1:] == NO_SESSION) | (session[:-1] == NO_SESSION), other, session[1:] != session[:-1])
    starts[1:] = other | (entity_index[1:] != entity_index[:-1])
    return np.cumsum(starts) - 1


@njit(nogil=True, cache=True)
def once_per_session(cells: np.ndarray, session_index: np.ndarray, size: int) -> np.ndarray:
    """The cells without those that the same session already has, which become -1, int32 (events, columns).

    Args:
        cells: Cells below `size`, negative where there is none, int32 (events, columns).
        session_index: Number of the session of each event, int64 (events,).
    """
    newest = np.full(size, -1, np.int64)
    out = np.full(cells.shape, -1, np.int32)
    for event in range(len(cells)):
        for column in range(cells.shape[1]):
            cell = cells[event, column]
            if cell >= 0 and newest[cell] != session_index[event]:
                newest[cell] = session_index[event]
                out[event, column] = cell
    return out
