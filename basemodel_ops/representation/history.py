"""The events of a group of entities from one source, encoded."""

from dataclasses import dataclass

import numpy as np

DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class History:
    """Events sorted by (entity, time); those of entity e are rows `start[e]:start[e + 1]`."""

    start: np.ndarray  # (entities + 1,) int64
    time: np.ndarray  # (events,) int64, microseconds since 1970
    session: np.ndarray | None  # (events,) int64 hash
    codes: dict[str, np.ndarray]  # per category column (events,) int32
    numbers: dict[str, np.ndarray]  # per number column (events,) float32

    @property
    def entities(self) -> int:
        """Number of entities."""
        return len(self.start) - 1

    @property
    def days(self) -> np.ndarray:
        """Times in days since 1970, float64 (events,)."""
        return self.time / DAY

    def part(self, low: int, high: int) -> "History":
        """The history of entities `low` to `high`."""
        first, last = self.start[low], self.start[high]
        return History(
            self.start[low : high + 1] - first,
            self.time[first:last],
            None if self.session is None else self.session[first:last],
            {name: codes[first:last] for name, codes in self.codes.items()},
            {name: numbers[first:last] for name, numbers in self.numbers.items()},
        )

    def positions(self, moments: np.ndarray) -> np.ndarray:
        """Index of each entity's first event at or after each moment, int64 (entities, moments).

        Args:
            moments: Microseconds, int64 (moments,).
        """
        out = np.empty((self.entities, len(moments)), np.int64)
        for entity in range(self.entities):
            low, high = self.start[entity], self.start[entity + 1]
            out[entity] = low + np.searchsorted(self.time[low:high], moments, side="left")
        return out
