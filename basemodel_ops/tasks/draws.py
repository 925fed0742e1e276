"""Draws of entities with repeats, all rows of an entity at once: a bootstrap by cluster."""

import numpy as np

SURE = 1.96
"""Standard errors to either side of what holds 95 of 100 times."""


class EntityDraws:
    """Draws as many entities as there are."""

    def __init__(self, entity_index: np.ndarray) -> None:
        """The entity of each row, (rows,)."""
        codes = np.unique(entity_index, return_inverse=True)[1]
        self._order = np.argsort(codes, kind="stable")
        self._count = np.bincount(codes)
        self._start = np.cumsum(self._count) - self._count

    def rows(self, generator: np.random.Generator) -> np.ndarray:
        """The rows (positions) of the entities of one draw, as often as each was drawn."""
        drawn = generator.integers(0, len(self._count), len(self._count))
        count = self._count[drawn]
        before = np.cumsum(count) - count
        return self._order[np.arange(count.sum()) + np.repeat(self._start[drawn] - before, count)]
