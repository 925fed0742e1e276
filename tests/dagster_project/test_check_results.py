"""A check that passed is not run again on the same versions; whatever else, it is."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.contract.types import Contract, EventSource, Grid, Relation
from basemodel_ops.report import CheckResult
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from dagster_project.lib import check_results
from dagster_project.lib.check_results import cached_result, cached_results, content

GOOD = CheckResult("good", True, "All hold.", {"rows": 3, "share": 0.5, "unit": "day"})
BAD = CheckResult("bad", False, "One does not.", {"rows": 3})


class Check:
    """Counts how often it is run."""

    def __init__(self, check_result: CheckResult) -> None:
        self.check_result, self.runs = check_result, 0

    def __call__(self) -> CheckResult:
        self.runs += 1
        return self.check_result


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_what_passed_is_remembered_for_the_same_versions_only(settings: Settings) -> None:
    check = Check(GOOD)
    assert cached_result(settings, "visits/quality", ["a", 1], check) == (GOOD, False)
    assert cached_result(settings, "visits/quality", ["a", 1], check) == (GOOD, True)
    assert check.runs == 1
    assert cached_result(settings, "visits/quality", ["a", 2], check) == (GOOD, False)
    assert cached_result(settings, "others/quality", ["a", 2], check) == (GOOD, False)
    assert cached_result(settings, "visits/quality", ["a", 1], check) == (GOOD, False)  # the newest alone is kept
    assert check.runs == 4


def test_several_findings_are_remembered_where_all_passed(settings: Settings) -> None:
    assert cached_results(settings, "preflight", 1, lambda: [GOOD, BAD]) == ([GOOD, BAD], False)
    assert cached_results(settings, "preflight", 1, lambda: [GOOD, GOOD]) == ([GOOD, GOOD], False)
    assert cached_results(settings, "preflight", 1, lambda: [BAD]) == ([GOOD, GOOD], True)
    assert cached_results(settings, "preflight", 2, lambda: [BAD]) == ([BAD], False)
    assert cached_results(settings, "preflight", 1, lambda: [GOOD]) == ([GOOD], False)


def test_what_failed_is_found_again_each_time(settings: Settings) -> None:
    good, bad = Check(GOOD), Check(BAD)
    cached_result(settings, "visits/quality", 1, good)
    assert cached_result(settings, "visits/quality", 2, bad) == (BAD, False)
    assert cached_result(settings, "visits/quality", 2, bad) == (BAD, False)
    assert cached_result(settings, "visits/quality", 1, good) == (GOOD, False)


@pytest.mark.parametrize("name", ["code_version", "definitions_code"])
def test_other_code_finds_again(settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check = Check(GOOD)
    cached_result(settings, "visits/quality", 1, check)
    monkeypatch.setattr(check_results, name, lambda: "other code")
    assert cached_result(settings, "visits/quality", 1, check) == (GOOD, False)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}'])
def test_a_memory_that_cannot_be_read_is_none(settings: Settings, text: str) -> None:
    check = Check(GOOD)
    cached_result(settings, "visits/quality", 1, check)
    path = settings.home / "findings" / "visits" / "quality.json"
    assert json.loads(path.read_text())["check"] == "visits/quality"
    path.write_text(text)
    assert cached_result(settings, "visits/quality", 1, check) == (GOOD, False)
    assert cached_result(settings, "visits/quality", 1, check) == (GOOD, True)


def test_a_check_that_stops_leaves_what_was_known(settings: Settings) -> None:
    check = Check(GOOD)
    cached_result(settings, "visits/quality", 1, check)

    def stops() -> CheckResult:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        cached_result(settings, "visits/quality", 2, stops)
    assert cached_result(settings, "visits/quality", 1, check) == (GOOD, True)


VISITS = Relation(schema_name="main", name="visits")


def version(home: Path, sql: str) -> object:
    """The version of what a table of visits holds, where its key stands in other capitals than declared."""
    settings = Settings(home=home)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(sql)
    grid = Grid(relation=VISITS, cutoff="at", data_end="at", start=date(2024, 1, 1), now=None)
    source = EventSource(name="visits", relation=VISITS, entity="patient", time="at", session=None, columns=())
    contract = Contract(entity="patient", events=(source,), attributes=(), tasks=(), grid=grid)
    with open_warehouse(settings) as warehouse:
        return content(warehouse, contract, VISITS)


def test_what_a_table_holds_is_in_its_version(tmp_path: Path) -> None:
    first = version(tmp_path, """create table visits as select 1 as "Patient", timestamp '2024-01-01' as at""")
    assert version(tmp_path, "select 1") == first
    other_key = version(tmp_path, """update visits set "Patient" = null""")
    assert other_key != first
    assert version(tmp_path, "alter table visits add undeclared integer") != other_key
