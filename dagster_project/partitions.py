"""Weekly partitions: one `as_of` for each cutoff of the contract's grid. Dagster is loaded only for its own view."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from basemodel_ops.contract.types import Grid
from basemodel_ops.errors import SettingsError

if TYPE_CHECKING:
    import dagster as dg

WEEK = timedelta(weeks=1)


def moment(grid: Grid) -> datetime:
    """Now: where a stopped data set stopped, else the clock in UTC."""
    return datetime.combine(grid.now, time()) if grid.now else datetime.now(UTC).replace(tzinfo=None)


def newest(grid: Grid) -> str:
    """The last cutoff by `grid.now`, or by the clock: the week that has just begun, before which everything is known.

    Raises:
        SettingsError: the grid starts in the future.
    """
    today = moment(grid).date()
    if today < grid.start:
        raise SettingsError(
            f"The grid starts on {grid.start} and it is {today}: there is no cutoff yet. Start the grid of "
            f"{grid.relation} earlier, or wait."
        )
    return (grid.start + (today - grid.start) // WEEK * WEEK).isoformat()


def chosen(grid: Grid, as_of: str | None) -> str:
    """The cutoff at `as_of`, or the newest; SettingsError if there is no such cutoff."""
    last = newest(grid)
    if as_of is None:
        return last
    try:
        asked = date.fromisoformat(as_of)
    except ValueError:
        asked = None
    if asked is None or not grid.start <= asked <= date.fromisoformat(last) or (asked - grid.start) % WEEK:
        raise SettingsError(f"No cutoff at {as_of}. Cutoffs are weekly, from {grid.start} to {last}.")
    return asked.isoformat()


def weekly(grid: Grid) -> "dg.WeeklyPartitionsDefinition":
    """Cutoffs from the grid's start through the newest, which moves with the clock unless there is a `grid.now`."""
    import dagster as dg

    start, day_offset = grid.start.isoformat(), weekday(grid)
    if grid.now is None:
        return dg.WeeklyPartitionsDefinition(start_date=start, day_offset=day_offset, end_offset=1)
    end = date.fromisoformat(newest(grid)) + WEEK
    return dg.WeeklyPartitionsDefinition(start_date=start, day_offset=day_offset, end_date=end.isoformat())


def weekday(grid: Grid) -> int:
    """The day of the week on which cutoffs fall, Sunday 0, as cron and Dagster count."""
    return grid.start.isoweekday() % 7


def newest_key(partitions: "dg.WeeklyPartitionsDefinition") -> str:
    """The last partition there is; SettingsError if there is none."""
    key = partitions.get_last_partition_key()
    if key is None:
        raise SettingsError("The grid starts in the future: no weekly partition yet.")
    return key


def as_of(key: str) -> datetime:
    """The moment of a partition key, without a time zone, as in the warehouse."""
    return datetime.combine(date.fromisoformat(key), time())
