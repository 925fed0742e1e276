"""Moments: what hour, what weekday, what part of the year; all of them cycles. A time of day has its hour only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.encoders.base import State, flat, refuse

HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
YEAR_DAYS = 365.2425

FIRST, LAST = -62_135_596_800_000_000, 253_370_764_800_000_000
"""Year 1 and year 9999, microseconds: where infinite and open-ended moments are, which say nothing of any cycle."""

HOURS, WEEKDAYS, WEEKS = range(3)
"""Rows of cells."""


@dataclass(frozen=True)
class TimeEncoder:
    """Three rows of cells: 24 hours, 7 weekdays (Monday first), 53 weeks of the year; sin and cos of each cycle."""

    kind: ClassVar[str] = "time"
    is_density: ClassVar[bool] = False

    @classmethod
    def fit(cls, batches: Iterable[pa.Array]) -> "TimeEncoder":
        """There is nothing to learn; the column's type is checked."""
        for batch in batches:
            _microseconds(batch)
        return cls()

    @property
    def widths(self) -> tuple[int, ...]:
        """Hours, weekdays, weeks."""
        return (24, 7, 53)

    @property
    def names(self) -> tuple[str, ...]:
        """Waves of the three cycles."""
        return tuple(f"{wave}_{cycle}" for cycle in ("day", "week", "year") for wave in ("sin", "cos"))

    def cells(self, column: pa.Array) -> np.ndarray:
        """Hour, weekday and week of the year, int32 (rows, 3)."""
        timestamp, known, dated = _microseconds(column)
        out = np.stack([timestamp // HOUR % 24, (timestamp // DAY + 3) % 7, _day_of_year(timestamp) // 7], axis=1)
        out[:, WEEKDAYS:] = np.where(dated, out[:, WEEKDAYS:], -1)
        return np.where(known[:, None], out, -1).astype(np.int32)

    def features(self, column: pa.Array) -> np.ndarray:
        """Sin and cos of the time of day, of the week and of the year, float32 (rows, 6)."""
        timestamp, known, dated = _microseconds(column)
        day = timestamp % DAY / DAY
        cycles = [day, ((timestamp // DAY + 3) % 7 + day) / 7, (_day_of_year(timestamp) + day) / YEAR_DAYS]
        waves = [wave(2 * np.pi * cycle) for cycle in cycles for wave in (np.sin, np.cos)]
        out = np.where(known[:, None], np.stack(waves, axis=1), 0).astype(np.float32)
        out[:, 2:] = np.where(dated, out[:, 2:], 0)
        return out

    def state(self) -> State:
        """Nothing but its kind."""
        return State(self.kind)

    @classmethod
    def from_state(cls, state: State) -> "TimeEncoder":
        """The inverse of `state`."""
        return cls()


def known_moments(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds since 1970, int64 (rows,), and whether each is a known moment with a date, bool (rows,)."""
    column = flat(column)
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.timestamp("us"))
    timestamp, is_known, is_dated = _microseconds(column)
    return timestamp, is_known & is_dated


def _day_of_year(timestamp: np.ndarray) -> np.ndarray:
    """Days since the first of January, int64."""
    days = (timestamp // DAY).astype("datetime64[D]")
    return (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)


def _microseconds(column: pa.Array) -> tuple[np.ndarray, np.ndarray, bool]:
    """Microseconds since 1970 on the clock of the column's own time zone, or since midnight of a time of day.

    int64 (rows,), whether each is known, and whether they have a date.

    Raises:
        DataError: they are no moments.
    """
    column = flat(column)
    known = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64), known, True
    if pa.types.is_time(column.type):
        unit = "us" if pa.types.is_time32(column.type) else column.type.unit
        since = column.cast(pa.time64(unit)).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        return since // (1_000 if unit == "ns" else 1), known, False
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = pc.local_timestamp(column)
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise refuse("time", column, "timestamps, dates and times of day")
    timestamp = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    result = timestamp.fill_null(0).to_numpy(zero_copy_only=False)
    return result, known & (result > FIRST) & (result < LAST), True


ENCODER = TimeEncoder
