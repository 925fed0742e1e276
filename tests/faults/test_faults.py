"""The faults of `make faults`, each a few times."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from . import files, kills, networks, races
from .places import Outcome, Place, duckdb_place, postgres_place, snowflake_place

NUMBERS = count()
EVERY = ("duckdb", "postgres", "snowflake")


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    name = f"faults_{next(NUMBERS)}"
    if request.param == "duckdb":
        with duckdb_place(tmp_path, name) as one:
            yield one
    elif request.param == "postgres":
        with postgres_place(request.getfixturevalue("postgres_server"), name) as one:
            yield one
    else:
        yield snowflake_place(request.getfixturevalue("snowflake_server"), name)


def on(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", kinds, indirect=True)


@on("duckdb", "postgres")
def test_a_killed_publish_leaves_old_or_new(place: Place) -> None:
    assert kills.random_kills(place, 2, random.Random(0)).bad == 0


@on("duckdb", "postgres")
def test_a_commit_that_nobody_heard_of_is_not_repeated(place: Place) -> None:
    assert kills.unacknowledged(place, 1).bad == 0


RACES: dict[str, Callable[[Place], Outcome]] = {
    "reruns": lambda place: races.reruns(place, 3),
    "polling": lambda place: races.polling(place, 6),
    "failed inserts": lambda place: races.failed_inserts(place, 1),
    "changes during reads": lambda place: races.changes_during_reads(place, 2),
    "schema drift": files.drifts,
}


@pytest.mark.parametrize("race", list(RACES))
@on(*EVERY)
def test_readers_and_writers_see_whole_partitions(place: Place, race: str) -> None:
    outcome = RACES[race](place)
    assert outcome.tried > 0
    assert outcome.bad == 0


@on("duckdb", "postgres")
def test_two_writers_leave_one_partition(place: Place) -> None:
    assert races.two_writers(place, 3).bad == 0


@on("postgres")
def test_postgres_is_read_through_breaks(place: Place) -> None:
    outcomes = networks.postgres_breaks(place, 5, 1.5, random.Random(0))
    assert {outcome.name: outcome.bad for outcome in outcomes} == {
        "connection reset during a read": 0, "a stall of 1.5 s during a read": 0,
    }  # fmt: skip


@on("snowflake")
def test_snowflake_is_read_through_breaks(place: Place) -> None:
    outcomes = networks.snowflake_breaks(place, 3, 3.0, random.Random(0))
    assert {outcome.name: outcome.bad for outcome in outcomes} == {
        "connection reset during a read": 0, "HTTP 500 during a read": 0, "an expired session during a read": 0,
        "a stall of 3 s during a read": 0,
    }  # fmt: skip


def test_a_truncated_log_is_refused(tmp_path: Path) -> None:
    assert files.cut_logs(tmp_path, 5, random.Random(0)).bad == 0


@pytest.mark.parametrize("name", ["staging", "checkpoint"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    found = files.on_small_disk(tmp_path, name)
    if isinstance(found, str):
        pytest.xfail(f"No small disk can be mounted here: {found}")
    assert [outcome.bad for outcome in found] == [0]
