"""Hyperedges of what lies next to each other in a sequence."""

import numpy as np


def windows(owner: np.ndarray, occasion: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Hyperedges of `size` adjacent occasions of an entity: all of them where it has fewer.

    Args:
        owner: Entity of each event, sorted.
        occasion: Number of the occasion of each event, one by one over all entities, ascending.
        size: Occasions in a window.

    Returns:
        Positions of events and the window of each, which has the number of its first occasion.
    """
    if len(owner) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    first = np.searchsorted(owner, owner)
    last = np.searchsorted(owner, owner, side="right") - 1
    # A window starts at an occasion from which `size` follow, or at the entity's first.
    lowest, highest = occasion[first], np.maximum(occasion[last] - size + 1, occasion[first])
    found = []
    for back in range(size):
        start = occasion - back
        found.append(np.flatnonzero((start >= lowest) & (start <= highest)))
    event = np.concatenate(found)
    return event, occasion[event] - np.repeat(np.arange(size), [len(part) for part in found])
