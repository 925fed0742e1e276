"""The events of a group of entities from one source, encoded."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from basemodel_ops.emde.cutoffs import as_rows

DAY = 86_400_000_000  # microseconds


@njit(nogil=True, cache=True)
def _find_positions(start: np.ndarray, time: np.ndarray, timestamps: np.ndarray, out: np.ndarray) -> None:
    for entity in range(len(start) - 1):
        for m in range(timestamps.shape[1]):
            low, high = start[entity], start[entity + 1]
            while low < high:
                middle = (low + high) // 2
                if time[middle] < timestamps[entity, m]:
                    low = middle + 1
                else:
                    high = middle
            out[entity, m] = low


@dataclass(frozen=True)
class History:
    """Events sorted by (entity, time); those of entity e are rows `start[e]:start[e + 1]`."""

    start: np.ndarray  # (entities + 1,) int64
    time: np.ndarray  # (events,) int64, microseconds since 1970
    session: np.ndarray | None  # (events,) int64 hash
    item_ids: dict[str, np.ndarray]  # per category column (events,) int32
    numbers: dict[str, np.ndarray]  # per number column (events,) float32

    @property
    def entities(self) -> int:
        """Number of entities."""
        return len(self.start) - 1

    @property
    def days(self) -> np.ndarray:
        """Times in days since 1970, float64 (events,)."""
        return self.time / DAY

    @property
    def entity_index(self) -> np.ndarray:
        """The entity of each event, int64 (events,)."""
        return np.repeat(np.arange(self.entities), np.diff(self.start))

    def part(self, low: int, high: int) -> "History":
        """The history of entities `low` to `high`."""
        first, last = self.start[low], self.start[high]
        return History(
            self.start[low : high + 1] - first,
            self.time[first:last],
            None if self.session is None else self.session[first:last],
            {name: codes[first:last] for name, codes in self.item_ids.items()},
            {name: numbers[first:last] for name, numbers in self.numbers.items()},
        )

    def positions(self, timestamps: np.ndarray) -> np.ndarray:
        """Index of each entity's first event at or after each moment, int64 (entities, moments).

        Args:
            timestamps: Microseconds, int64 (moments,), or those of each entity, (entities, moments); in any order.
        """
        rows = as_rows(np.asarray(timestamps, np.int64), self.entities)
        out = np.empty(rows.shape, np.int64)
        _find_positions(self.start, self.time, rows, out)
        return out
