"""Cutoffs counted by hand, by the commands and by Dagster are the same."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from basemodel_ops.contract.types import Grid, Relation
from basemodel_ops.errors import SettingsError
from dagster_project.partitions import chosen, moment, newest, newest_key, weekly

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
    assert weekly(stopped).get_partition_keys() == expected


@pytest.mark.parametrize("weekday", range(7))
def test_a_live_grid_ends_with_the_week_that_has_begun(weekday: int) -> None:
    live = grid(date(2024, 2, 26) + timedelta(days=weekday), None)
    assert newest(live) == newest_key(weekly(live))
    age = datetime.now(UTC).date() - date.fromisoformat(newest(live))
    assert timedelta() <= age < timedelta(days=7)
    assert moment(live).date() - date.fromisoformat(newest(live)) < timedelta(days=8)


def test_dagster_and_the_commands_choose_the_same_cutoffs() -> None:
    stopped = grid(date(2024, 3, 4), date(2024, 4, 2))
    keys = weekly(stopped).get_partition_keys()
    for day in range(-10, 40):
        key = (stopped.start + timedelta(days=day)).isoformat()
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
        newest_key(weekly(live))
