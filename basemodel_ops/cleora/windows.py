"""Hyperedges of what lies next to each other in a sequence."""

import numpy as np


def windows(entity_index: np.ndarray, session_index: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Hyperedges of `size` adjacent sessions of an entity: all of them where it has fewer.

    Args:
        entity_index: Entity of each event, sorted.
        session_index: Number of the session of each event, one by one over all entities, ascending.
        size: Sessions in a window.

    Returns:
        Positions of events and the window of each, which has the number of its first session.
    """
    if len(entity_index) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    first = np.searchsorted(entity_index, entity_index)
    last = np.searchsorted(entity_index, entity_index, side="right") - 1
    # A window starts at a session from which `size` follow, or at the entity's first.
    lowest, highest = session_index[first], np.maximum(session_index[last] - size + 1, session_index[first])
    results = []
    for back in range(size):
        start = session_index - back
        results.append(np.flatnonzero((start >= lowest) & (start <= highest)))
    event = np.concatenate(results)
    return event, session_index[event] - np.repeat(np.arange(size), [len(part) for part in results])
