"""The faults of `make faults`, each a few times."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from . import files, kills, networks, races
from .locations import Location, Outcome, duckdb_location, postgres_location, snowflake_location

NUMBERS = count()
EVERY = ("duckdb", "postgres", "snowflake")


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    name = f"faults_{next(NUMBERS)}"
    if request.param == "duckdb":
        with duckdb_location(tmp_path, name) as entry:
            yield entry
    elif request.param == "postgres":
        with postgres_location(request.getfixturevalue("postgres_server"), name) as entry:
            yield entry
    else:
        yield snowflake_location(request.getfixturevalue("snowflake_server"), name)


def on(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("location", kinds, indirect=True)


@on("duckdb", "postgres")
def test_a_killed_publish_leaves_old_or_new(location: Location) -> None:
    assert kills.random_kills(location, 2, random.Random(0)).bad == 0


@on("duckdb", "postgres")
def test_a_commit_that_nobody_heard_of_is_not_repeated(location: Location) -> None:
    assert kills.unacknowledged(location, 1).bad == 0


RACES: dict[str, Callable[[Location], Outcome]] = {
    "reruns": lambda row_index: races.reruns(row_index, 3),
    "polling": lambda row_index: races.polling(row_index, 6),
    "failed inserts": lambda row_index: races.failed_inserts(row_index, 1),
    "changes during reads": lambda row_index: races.changes_during_reads(row_index, 2),
    "schema drift": files.drifts,
}


@pytest.mark.parametrize("race", list(RACES))
@on(*EVERY)
def test_readers_and_writers_see_whole_partitions(location: Location, race: str) -> None:
    outcome = RACES[race](location)
    assert outcome.tried > 0
    assert outcome.bad == 0


@on("duckdb", "postgres")
def test_two_writers_leave_one_partition(location: Location) -> None:
    assert races.two_writers(location, 3).bad == 0


@on("postgres")
def test_postgres_is_read_through_breaks(location: Location) -> None:
    outcomes = networks.postgres_breaks(location, 5, 1.5, random.Random(0))
    assert {outcome.name: outcome.bad for outcome in outcomes} == {
        "connection reset during a read": 0, "a stall of 1.5 s during a read": 0,
    }  # fmt: skip


@on("snowflake")
def test_snowflake_is_read_through_breaks(location: Location) -> None:
    outcomes = networks.snowflake_breaks(location, 3, 3.0, random.Random(0))
    assert {outcome.name: outcome.bad for outcome in outcomes} == {
        "connection reset during a read": 0, "HTTP 500 during a read": 0, "an expired session during a read": 0,
        "a stall of 3 s during a read": 0,
    }  # fmt: skip


def test_a_truncated_log_is_refused(tmp_path: Path) -> None:
    assert files.cut_logs(tmp_path, 5, random.Random(0)).bad == 0


@pytest.mark.parametrize("name", ["staging", "checkpoint"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    result = files.on_small_disk(tmp_path, name)
    if isinstance(result, str):
        pytest.xfail(f"No small disk can be mounted here: {result}")
    assert [outcome.bad for outcome in result] == [0]
