"""Cutoffs counted by hand, by the commands and by Dagster are the same."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from basemodel_ops.contract.cutoffs import ADVERBS, cutoff_at, number_at
from basemodel_ops.contract.types import Cadence, Grid, Relation
from basemodel_ops.errors import SettingsError
from dagster_project.defs.automation import _scores_schedule
from dagster_project.defs.partitions import as_of, chosen, cutoffs, newest, newest_key, past_keys, timestamp

CUTOFFS = Relation(schema_name="tasks", name="cutoffs")


def grid(start: date, now: date | None) -> Grid:
    return Grid(relation=CUTOFFS, cutoff="cutoff", data_end="data_end", start=start, now=now)


@pytest.mark.parametrize("days", [0, 1, 6, 7, 8, 13, 14, 700])
@pytest.mark.parametrize("weekday", range(7))
def test_a_stopped_grid_ends_where_counting_weeks_ends(days: int, weekday: int) -> None:
    start = date(2024, 2, 26) + timedelta(days=weekday)
    stopped = grid(start, start + timedelta(days=days))
    expected, last = [], start
    while last <= start + timedelta(days=days):
        expected.append(last.isoformat())
        last += timedelta(days=7)
    assert newest(stopped) == expected[-1]
    assert cutoffs(stopped).get_partition_keys() == expected


@pytest.mark.parametrize("weekday", range(7))
def test_a_live_grid_ends_with_the_week_that_has_begun(weekday: int) -> None:
    live = grid(date(2024, 2, 26) + timedelta(days=weekday), None)
    assert newest(live) == newest_key(cutoffs(live))
    age = datetime.now(UTC).date() - date.fromisoformat(newest(live))
    assert timedelta() <= age < timedelta(days=7)
    assert timestamp(live).date() - date.fromisoformat(newest(live)) < timedelta(days=8)


def test_dagster_and_the_commands_choose_the_same_cutoffs() -> None:
    start = date(2024, 3, 4)
    stopped = grid(start, date(2024, 4, 2))
    keys = cutoffs(stopped).get_partition_keys()
    for day in range(-10, 40):
        key = (start + timedelta(days=day)).isoformat()
        if key in keys:
            assert chosen(stopped, key) == key
        else:
            with pytest.raises(SettingsError, match=r"from 2024-03-04 to 2024-04-01"):
                chosen(stopped, key)
    assert chosen(stopped, None) == keys[-1]


@pytest.mark.parametrize("nonsense", ["", "tomorrow", "2024-3-4", "2024-03-04T00:00:00", "../2024-03-04"])
def test_what_is_no_date_is_no_cutoff(nonsense: str) -> None:
    with pytest.raises(SettingsError, match="No cutoff at"):
        chosen(grid(date(2024, 3, 4), date(2024, 4, 2)), nonsense)


def test_a_grid_that_starts_in_the_future_has_no_cutoff() -> None:
    later = grid(date(2024, 3, 4), date(2024, 3, 3))
    with pytest.raises(SettingsError, match="no cutoff yet"):
        newest(later)
    live = grid(date.today() + timedelta(days=30), None)
    with pytest.raises(SettingsError, match="no cutoff yet"):
        chosen(live, None)
    with pytest.raises((SettingsError, dg.DagsterInvalidInvocationError)):
        newest_key(cutoffs(live))


START = datetime(2023, 11, 15, 22, 30)


def other(every: Cadence, now: datetime | None = None) -> Grid:
    start = None if every is Cadence.IRREGULAR else START
    return Grid(relation=CUTOFFS, cutoff="cutoff", data_end="data_end", start=start, now=now, every=every)


@pytest.mark.parametrize("every", [Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR])
def test_dagster_counts_the_cutoffs_of_every_cadence(every: Cadence) -> None:
    stopped = other(every, START + timedelta(days=400, hours=1))
    keys = cutoffs(stopped).get_partition_keys()
    number = number_at(stopped, timestamp(stopped))
    assert keys == [f"{cutoff_at(stopped, n):%Y-%m-%dT%H:%M}" for n in range(number + 1)]
    assert {chosen(stopped, key) for key in keys} == set(keys)
    assert chosen(stopped, keys[0].replace("T", " ")) == keys[0]
    assert [as_of(key) for key in keys] == [cutoff_at(stopped, n) for n in range(number + 1)]
    with pytest.raises(SettingsError, match="from 2023-11-15 22:30 to "):
        chosen(stopped, f"{cutoff_at(stopped, number + 1):%Y-%m-%dT%H:%M}")
    live = other(every)
    assert newest(live) == newest_key(cutoffs(live))


@pytest.mark.parametrize("every", [Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR])
def test_answers_are_asked_for_as_often_as_there_are_cutoffs(every: Cadence) -> None:
    """Each tick of the schedule follows another cutoff, on the same day."""
    schedule = _scores_schedule(other(every))
    assert schedule.name == f"{ADVERBS[every]}_scores"
    later = dg.TimeWindowPartitionsDefinition(
        start=START, end=cutoff_at(other(every), 9), fmt="%Y-%m-%dT%H:%M", cron_schedule=str(schedule.cron_schedule)
    )
    ticks = [datetime.fromisoformat(key) for key in later.get_partition_keys()]
    assert ticks == [cutoff_at(other(every), number).replace(hour=23, minute=59) for number in range(len(ticks))]
    assert len(ticks) >= (3 if every is Cadence.YEAR else 8)  # none is later than now


def test_listed_cutoffs_are_the_partitions_of_an_irregular_grid() -> None:
    stopped = other(Cadence.IRREGULAR, START + timedelta(days=10))
    moments = [START, START + timedelta(days=1), datetime(2023, 11, 20), START + timedelta(days=11)]
    assert past_keys(stopped, moments) == ["2023-11-15T22:30", "2023-11-16T22:30", "2023-11-20"]
    assert chosen(stopped, None, moments) == "2023-11-20"
    assert chosen(stopped, "2023-11-16T22:30", moments) == "2023-11-16T22:30"
    for absent in ("2023-11-26T22:30", "2023-11-17"):
        with pytest.raises(SettingsError, match="that its table lists to 2023-11-20"):
            chosen(stopped, absent, moments)
    with pytest.raises(SettingsError, match="lists no cutoff"):
        newest(stopped)
    assert isinstance(cutoffs(stopped), dg.DynamicPartitionsDefinition)
