"""The whole job on a source with every odd column at once, on a host of another zone, as a user's terminal shows it."""

import os
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from . import odd

SMALL = {
    "BASEMODEL_HIDDEN": "32", "BASEMODEL_EPOCHS": "1", "BASEMODEL_PRETRAINING_ROWS": "2000",
    "BASEMODEL_ACTIVITY_ROWS": "500", "BASEMODEL_TASK_ROWS": "1000", "BASEMODEL_EVALUATION_ROWS": "500",
    "BASEMODEL_HORIZONS": "[7, 14, 28]",
    "BASEMODEL_COMPILE_AHEAD": "false", "COLUMNS": "400",
}  # fmt: skip

COMMAND = [sys.executable, "-c", "from dagster_project.cli.app import app; app()", "run"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd") / "home"


@pytest.fixture(scope="module")
def terminal(home: Path) -> str:
    """Everything that the run printed; it must have ended well."""
    project = odd.write(home.parent / "project")
    row_indices = {"BASEMODEL_HOME": str(home), "BASEMODEL_DBT_PROJECT_DIR": str(project)}
    environment = {**os.environ, **SMALL, **row_indices, "TZ": "America/Los_Angeles"}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


def rows(home: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_no_raw_error_reaches_the_terminal(terminal: str) -> None:
    assert "Traceback" not in terminal
    assert "returns_14d" in terminal


@pytest.mark.slow
def test_everyone_who_is_asked_about_is_answered_by_an_id_of_23_digits(terminal: str, home: Path) -> None:
    requested = rows(home, "select patient from tasks.returns_14d where cutoff = '2024-09-30' order by 1")
    answered = rows(home, "select patient, score from basemodel.returns_14d_scores order by 1")
    assert [patient for patient, _ in answered] == [patient for (patient,) in requested]
    assert all(Decimal(odd.FIRST_ID) <= patient < odd.FIRST_ID + odd.PATIENTS for patient, _ in answered)
    assert all(0 <= score <= 1 for _, score in answered)
    assert len({score for _, score in answered}) > len(answered) / 2


@pytest.mark.slow
def test_moments_are_what_the_source_says_whatever_the_hosts_zone(terminal: str, home: Path) -> None:
    query = "select min(visited_at), max(visited_at) from raw.visit_log"
    assert rows(home, query) == rows(home, query.replace("raw.visit_log", "behavior.visits").replace(
        "(visited_at)", "(cast(visited_at as timestamp))"))  # fmt: skip
    ((as_of,),) = rows(home, "select distinct as_of from basemodel.returns_14d_scores")
    assert as_of == datetime(2024, 9, 30)


@pytest.mark.slow
def test_repeated_events_are_reported_and_the_run_goes_on(terminal: str) -> None:
    (line,) = (line for line in terminal.splitlines() if ": repeats:" in line)
    assert f"{odd.REPEATED} of" in line
    assert "behavior.visits" in line
    assert "--full-refresh" in line
