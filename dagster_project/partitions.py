"""Weekly partitions: one `as_of` for each cutoff of the contract's grid."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from basemodel_ops.contract.types import Grid

WEEK = timedelta(weeks=1)


def weekly(grid: Grid) -> dg.WeeklyPartitionsDefinition:
    """Cutoffs from the grid's start; through the last one by `grid.now`, or by the clock."""
    day_offset = weekday(grid)
    if grid.now is None:
        # The week that has just begun is the newest cutoff: everything before it is known.
        return dg.WeeklyPartitionsDefinition(start_date=grid.start.isoformat(), day_offset=day_offset, end_offset=1)
    newest = grid.start + (grid.now - grid.start) // WEEK * WEEK
    return dg.WeeklyPartitionsDefinition(
        start_date=grid.start.isoformat(), day_offset=day_offset, end_date=(newest + WEEK).isoformat()
    )


def weekday(grid: Grid) -> int:
    """The day of the week on which cutoffs fall, Sunday 0, as cron and Dagster count."""
    return grid.start.isoweekday() % 7


def newest_key(partitions: dg.WeeklyPartitionsDefinition) -> str:
    """The last partition there is."""
    key = partitions.get_last_partition_key()
    if key is None:
        raise dg.DagsterInvalidInvocationError("The grid starts in the future: no weekly partition yet.")
    return key


def as_of(key: str) -> datetime:
    """The moment of a partition key, without a time zone, as in the warehouse."""
    return datetime.combine(date.fromisoformat(key), time())


def moment(grid: Grid) -> datetime:
    """Now: where a stopped data set stopped, else the clock in UTC."""
    return datetime.combine(grid.now, time()) if grid.now else datetime.now(UTC).replace(tzinfo=None)
