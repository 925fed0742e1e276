"""The moments of a grid: every day, week, month, quarter or year from its start, or whichever its table lists."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from basemodel_ops.contract.types import Cadence, Grid
from basemodel_ops.errors import SettingsError

STEPS = {Cadence.DAY: timedelta(days=1), Cadence.WEEK: timedelta(weeks=1)}
MONTHS = {Cadence.MONTH: 1, Cadence.QUARTER: 3, Cadence.YEAR: 12}

LAST_DAY = 28
"""Of a month, on which a monthly or quarterly grid may start: later days are not in every month."""


LONGEST = {Cadence.MONTH: timedelta(days=31), Cadence.QUARTER: timedelta(days=92), Cadence.YEAR: timedelta(days=366)}


def may_start(every: Cadence, start: date) -> bool:
    """Whether a grid may start on that day, which then is in every month that it comes to."""
    return every not in MONTHS or start.day <= LAST_DAY or (every is Cadence.YEAR and start.month != 2)


def longest_step(grid: Grid) -> timedelta | None:
    """The longest time from one cutoff to the next; None of an irregular grid."""
    return STEPS.get(grid.every, LONGEST.get(grid.every))


def key_of(timestamp: datetime) -> str:
    """The name of a cutoff in keys of partitions and artifacts: its date, and the time where that is not midnight."""
    if timestamp.time() == time():
        return f"{timestamp:%Y-%m-%d}"
    return timestamp.isoformat(timespec="auto" if timestamp.second or timestamp.microsecond else "minutes")


def timestamp_of_key(key: str) -> datetime:
    """The inverse of `key_of`; ValueError where it is no such name."""
    timestamp = datetime.fromisoformat(key)
    if key_of(timestamp) != key:
        raise ValueError(f"{key!r} is not written as the name of a cutoff, which would be {key_of(timestamp)!r}.")
    return timestamp


def midnight(day: date) -> datetime:
    """A date as its midnight; a moment as it is."""
    return day if isinstance(day, datetime) else datetime.combine(day, time())


def start_of(grid: Grid) -> datetime:
    """The first cutoff of a regular grid; ValueError where moments are listed instead."""
    if grid.start is None:
        raise ValueError(f"The grid of {grid.relation} is irregular and has no start.")
    return midnight(grid.start)


def cutoff_at(grid: Grid, number: int) -> datetime:
    """The cutoff of that number of a regular grid, from 0 on."""
    start = start_of(grid)
    if grid.every in STEPS:
        return start + number * STEPS[grid.every]
    years, month = divmod(start.month - 1 + number * MONTHS[grid.every], 12)
    return start.replace(year=start.year + years, month=month + 1)


def number_at(grid: Grid, timestamp: datetime) -> int:
    """The number of the last cutoff of a regular grid at or before a moment; negative before its start."""
    start = start_of(grid)
    if grid.every in STEPS:
        return (timestamp - start) // STEPS[grid.every]
    number = (12 * (timestamp.year - start.year) + timestamp.month - start.month) // MONTHS[grid.every]
    return number if cutoff_at(grid, number) <= timestamp else number - 1


def newest_cutoff(grid: Grid, now: datetime, listed: Sequence[datetime] = ()) -> datetime:
    """The last cutoff at or before `now`.

    Args:
        grid: As declared.
        now: In UTC, without a zone.
        listed: The moments in the table of an irregular grid; a regular one follows from its declaration.

    Raises:
        SettingsError: there is none yet.
    """
    if grid.every is Cadence.IRREGULAR:
        before = [timestamp for timestamp in listed if timestamp <= now]
        if not before:
            raise SettingsError(
                f"{grid.relation} lists no cutoff up to {now}: there is no cutoff yet. It has {len(listed)} later ones."
            )
        return max(before)
    number = number_at(grid, now)
    if number < 0:
        raise SettingsError(
            f"The grid starts on {grid.start} and it is {now:%Y-%m-%d %H:%M}: there is no cutoff yet. Start the grid "
            f"of {grid.relation} earlier, or wait."
        )
    return cutoff_at(grid, number)


def is_cutoff(grid: Grid, timestamp: datetime, listed: Sequence[datetime] = ()) -> bool:
    """Whether a moment is one of the grid's, past or future."""
    if grid.every is Cadence.IRREGULAR:
        return timestamp in listed
    return timestamp >= start_of(grid) and fits(grid, timestamp)


def fits(grid: Grid, timestamp: datetime) -> bool:
    """Whether a moment lies a whole number of steps of a grid from its start, even before it."""
    return grid.every is Cadence.IRREGULAR or cutoff_at(grid, number_at(grid, timestamp)) == timestamp


def guessed(grid: Grid, timestamps: Sequence[datetime]) -> Grid:
    """The grid as moments (ascending, not empty) say that it is: the widest cadence of which they miss few."""
    for every in (Cadence.YEAR, Cadence.QUARTER, Cadence.MONTH, Cadence.WEEK, Cadence.DAY):
        result = grid.model_copy(update={"every": every, "start": timestamps[0]})
        if not may_start(every, timestamps[0]):
            continue
        if all(fits(result, moment) for moment in timestamps) and number_at(result, timestamps[-1]) < 2 * len(
            timestamps
        ):
            return result
    return grid.model_copy(update={"every": Cadence.IRREGULAR, "start": None})


def described(grid: Grid) -> str:
    """The grid in words."""
    if grid.every is Cadence.IRREGULAR:
        return "at the moments that its table lists"
    return f"{ADVERBS[grid.every]} from {key_of(start_of(grid)).replace('T', ' ')}"


ADVERBS = {
    Cadence.DAY: "daily", Cadence.WEEK: "weekly", Cadence.MONTH: "monthly", Cadence.QUARTER: "quarterly",
    Cadence.YEAR: "yearly", Cadence.IRREGULAR: "irregular",
}  # fmt: skip
"""How often, in a word; names of schedules begin with it."""


def cron(grid: Grid, delay: timedelta = timedelta()) -> str:
    """When a regular grid's cutoffs are, as a cron expression; `delay` later, but on the same day."""
    start = start_of(grid)
    later = min(start + delay, datetime.combine(start.date(), time(23, 59)))
    day, month, weekday = "*", "*", "*"
    if grid.every is Cadence.WEEK:
        weekday = str(start.isoweekday() % 7)  # Sunday is 0
    elif grid.every in MONTHS:
        day = str(start.day)
    if grid.every is Cadence.QUARTER:
        month = ",".join(str(month) for month in sorted((start.month - 1 + 3 * n) % 12 + 1 for n in range(4)))
    if grid.every is Cadence.YEAR:
        month = str(start.month)
    return f"{later.minute} {later.hour} {day} {month} {weekday}"
