"""Any string as an argument of the command line: a clear message, and everything as it was."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from typer.testing import CliRunner

from dagster_project.cli.app import app

from ..basemodel_ops.hostile import SENTINEL, strings
from .conftest import VISITS, Run

ASK = ["query", "patient 7", "--source", "visits", "--column", "clinic"]
COMMANDS = {
    "entity": lambda text: ["query", *ASK[2:], "--", text],
    "source": lambda text: [*ASK[:3], text, *ASK[4:]],
    "column": lambda text: [*ASK[:5], text],
    "value": lambda text: [*ASK, "--value", text],
    "as of": lambda text: [*ASK, "--as-of", text],
    "explained": lambda text: ["explain", "returns_14d", "--", text],
    "explained task": lambda text: ["explain", "--", text, "patient 7"],
    "label": lambda text: ["explain", "returns_14d", "patient 7", "--label", text],
    "task": lambda text: ["run", "--task", text],
    "week": lambda text: ["run", "--as-of", text],
    "ids": lambda text: ["forget", "--ids-from", text],
    "ids in a schema": lambda text: ["forget", "--ids-from", f"privacy.{text}"],
    "head": lambda text: ["audit", "verify", "--head", text],
}


@pytest.fixture(scope="module")
def home(visits: Run) -> Path:
    with duckdb.connect(str(visits.settings.warehouse_path)) as connection:
        connection.execute(
            f"create schema if not exists sentinel; create or replace table {SENTINEL} as select 42 as x"
        )
    return visits.settings.home


@pytest.mark.parametrize("role", COMMANDS)
@given(text=strings)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_argument_is_taken_as_it_is_or_refused(home: Path, role: str, text: str) -> None:
    environment = {"BASEMODEL_HOME": str(home), "BASEMODEL_DBT_PROJECT_DIR": str(VISITS), "COLUMNS": "400"}
    result = CliRunner().invoke(app, COMMANDS[role](text), env=environment)
    if role == "value":  # any value may be asked for; one that was never seen is not there
        assert result.exit_code in (0, 1, 2), result.output
    else:
        assert result.exit_code in (1, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 0 or result.stderr.strip()
    assert "Traceback" not in result.output
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute(f"select x from {SENTINEL}").fetchall() == [(42,)]
        assert not connection.execute("select 1 from duckdb_tables() where table_name = 'forgotten'").fetchall()
