"""Cutoffs against a plain walk over days, and the declarations that say which there are."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from basemodel_ops.contract.cutoffs import (
    cron,
    cutoff_at,
    fits,
    guessed,
    is_cutoff,
    key_of,
    midnight,
    newest_cutoff,
    number_at,
    timestamp_of_key,
)
from basemodel_ops.contract.types import Cadence, Grid, Relation
from basemodel_ops.errors import SettingsError

from ..manifests import hospital, problems, read

CUTOFFS = Relation(schema_name="tasks", name="cutoffs")
START = datetime(2023, 11, 15, 5, 30)


def grid(every: Cadence, start: date | None = START) -> Grid:
    return Grid(relation=CUTOFFS, cutoff="cutoff", data_end="data_end", start=start, now=None, every=every)


def walked(every: Cadence, days: int) -> list[datetime]:
    """The cutoffs of the days from the start on, found by looking at each day."""
    result = []
    for day in range(days):
        moment = START + timedelta(days=day)
        months = 12 * (moment.year - START.year) + moment.month - START.month
        is_one = {
            Cadence.DAY: True,
            Cadence.WEEK: moment.weekday() == START.weekday(),
            Cadence.MONTH: moment.day == START.day,
            Cadence.QUARTER: moment.day == START.day and months % 3 == 0,
            Cadence.YEAR: moment.day == START.day and months % 12 == 0,
        }
        if is_one[every]:
            result.append(moment)
    return result


REGULAR = [Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.QUARTER, Cadence.YEAR]


@pytest.mark.parametrize("every", REGULAR)
def test_cutoffs_are_those_of_a_walk_over_days(every: Cadence) -> None:
    expected, declared = walked(every, 800), grid(every)
    assert [cutoff_at(declared, number) for number in range(len(expected))] == expected
    for day in range(0, 700, 7):
        now = START + timedelta(days=day, hours=3)
        last = max(entry for entry in expected if entry <= now)
        assert newest_cutoff(declared, now) == last
        assert number_at(declared, now) == expected.index(last)
        assert is_cutoff(declared, now) == (now in expected)


@pytest.mark.parametrize("every", REGULAR)
def test_a_moment_before_the_start_is_no_cutoff(every: Cadence) -> None:
    before = cutoff_at(grid(every), -1)
    assert before < START
    assert fits(grid(every), before)
    assert not is_cutoff(grid(every), before)
    with pytest.raises(SettingsError, match="no cutoff yet"):
        newest_cutoff(grid(every), START - timedelta(minutes=1))
    assert newest_cutoff(grid(every), START) == START


def test_the_newest_listed_cutoff_is_the_last_that_has_begun() -> None:
    declared, moments = grid(Cadence.IRREGULAR, None), [START, START + timedelta(days=9), START + timedelta(days=11)]
    assert newest_cutoff(declared, START + timedelta(days=10), moments) == moments[1]
    assert is_cutoff(declared, moments[2], moments)
    assert not is_cutoff(declared, moments[2])
    with pytest.raises(SettingsError, match="lists no cutoff up to"):
        newest_cutoff(declared, START - timedelta(days=1), moments)


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        (datetime(2024, 3, 4), "2024-03-04"),
        (datetime(2024, 3, 4, 5), "2024-03-04T05:00"),
        (datetime(2024, 3, 4, 5, 0, 7), "2024-03-04T05:00:07"),
        (datetime(2024, 3, 4, 0, 0, 0, 9), "2024-03-04T00:00:00.000009"),
    ],
)
def test_a_key_names_one_moment(moment: datetime, key: str) -> None:
    assert key_of(moment) == key
    assert timestamp_of_key(key) == moment


@pytest.mark.parametrize("text", ["2024-03-04T00:00", "2024-03-04 05:00", "20240304", "tomorrow", ""])
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        timestamp_of_key(text)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (Cadence.DAY, "30 5 * * *"),
        (Cadence.WEEK, "30 5 * * 3"),  # 15 November 2023 was a Wednesday
        (Cadence.MONTH, "30 5 15 * *"),
        (Cadence.QUARTER, "30 5 15 2,5,8,11 *"),
        (Cadence.YEAR, "30 5 15 11 *"),
    ],
)
def test_cron_says_when(every: Cadence, expected: str) -> None:
    assert cron(grid(every)) == expected
    assert cron(grid(every), timedelta(hours=4)) == expected.replace("30 5", "30 9")
    assert cron(grid(every), timedelta(hours=20)) == expected.replace("30 5", "59 23")


@pytest.mark.parametrize("every", REGULAR)
def test_the_cadence_of_a_table_is_seen(every: Cadence) -> None:
    moments = walked(every, 1500)
    result = guessed(grid(Cadence.WEEK), moments)
    assert (result.every, result.start) == (every, START)
    strange = [*moments, moments[-1] + timedelta(hours=1)]
    assert guessed(grid(every), strange).every is Cadence.IRREGULAR


def test_a_weekly_grid_at_midnight_is_declared_as_ever(tmp_path: Path) -> None:
    models = hospital()
    plain = read(tmp_path, models)
    assert plain.grid.model_dump(mode="json") == {
        "relation": {"database": None, "schema_name": "main", "name": "weeks"}, "cutoff": "cutoff",
        "data_end": "data_end", "start": "2024-01-01", "now": None,
    }  # fmt: skip
    models["weeks"]["config"]["meta"]["basemodel"]["grid"] |= {"start": "2024-01-01 00:00", "every": "week"}
    assert read(tmp_path, models).grid == plain.grid
    assert type(plain.grid).model_validate_json(plain.grid.model_dump_json()) == plain.grid


@pytest.mark.parametrize("every", REGULAR)
def test_a_grid_starts_at_any_minute(every: Cadence, tmp_path: Path) -> None:
    models = hospital()
    models["weeks"]["config"]["meta"]["basemodel"]["grid"] |= {
        "start": "2024-01-01 05:00", "every": every.value, "now": "2024-02-01T06:30",
    }  # fmt: skip
    result = read(tmp_path, models).grid
    assert result.start == datetime(2024, 1, 1, 5)
    assert result.now == datetime(2024, 2, 1, 6, 30)
    assert type(result).model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"start": None}, ["weeks", "grid.start", "it is missing"]),
        ({"start": "2024-01-01 05:00:30"}, ["within a minute", "every: irregular"]),
        ({"start": "2024-01-01T05:00+02:00"}, ["grid.start", "UTC", "without a zone"]),
        ({"start": "monday"}, ["grid.start", "2024-03-04 05:00", "'monday'"]),
        ({"start": "2024-01-31", "every": "month"}, ["day 31 is not in every month", "first 28"]),
        ({"start": "2024-01-29", "every": "quarter"}, ["day 29 is not in every month"]),
        ({"every": "irregular"}, ["an irregular grid has none", "Remove it"]),
        ({"every": "fortnight"}, ["grid.every", "'day', 'week', 'month', 'quarter', 'year' or 'irregular'"]),
    ],
)
def test_a_wrong_grid_says_what_is_wrong(changes: dict, parts: list[str], tmp_path: Path) -> None:
    models = hospital()
    current = models["weeks"]["config"]["meta"]["basemodel"]["grid"]
    current |= changes
    if current["start"] is None:
        del current["start"]
    (problem,) = [entry for entry in problems(tmp_path, models) if "weeks" in entry]
    for part in parts:
        assert part in problem


def test_an_irregular_grid_needs_no_start(tmp_path: Path) -> None:
    models = hospital()
    models["weeks"]["config"]["meta"]["basemodel"]["grid"] = {
        "cutoff": "cutoff", "data_end": "data_end", "every": "irregular",
    }  # fmt: skip
    assert read(tmp_path, models).grid.start is None


def test_a_date_is_its_midnight() -> None:
    assert midnight(date(2024, 1, 1)) == datetime(2024, 1, 1)
    assert midnight(START) == START
