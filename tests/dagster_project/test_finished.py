"""A run that would do the same again does nothing; otherwise it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest

from basemodel_ops.data_quality import repetition
from basemodel_ops.report import CheckResult
from basemodel_ops.settings import Settings
from dagster_project.cli import jobs
from dagster_project.cli.jobs import RunError
from dagster_project.defs.partitions import timestamp
from dagster_project.lib import finished
from dagster_project.lib.finished import Outcome
from dagster_project.lib.jobs import MAIN_JOB
from dagster_project.lib.project import load_project

from .conftest import VISITS, Run, RunJob

KEY = "2024-09-30"
SCORES = "basemodel.returns_14d_scores"


@dataclass
class Jobs:
    """Runs of Dagster that were started, and what became of those that ended well."""

    count: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    results, run_job = Jobs(), jobs.run_job

    def noted(*arguments: object) -> Outcome:
        results.count += 1
        results.outcomes.append(run_job(*arguments))  # pyright: ignore[reportArgumentType]
        return results.outcomes[-1]

    monkeypatch.setattr(jobs, "run_job", noted)
    return results


@pytest.fixture
def again(visits: Run, run_job: RunJob) -> Callable[[], Run]:
    """Runs the main job again, in the same home."""
    return lambda: run_job(VISITS, home=visits.settings.home)


@pytest.fixture
def ended(again: Callable[[], Run]) -> Run:
    """The main job, asked before and ended well; the home may have served other weeks since."""
    return again()


@pytest.fixture
def warehouse(ended: Run) -> Iterator[Callable[[str], None]]:
    """Executes SQL in the warehouse, which is put back."""
    path = ended.settings.warehouse_path
    content = path.read_bytes()

    def execute(statement: str) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)

    yield execute
    path.write_bytes(content)


def would_do_nothing(settings: Settings, *tasks: str, key: str = KEY, job: str = MAIN_JOB) -> bool:
    project = load_project(settings)
    requested = [job, list(tasks), key, timestamp(project.contract.grid).date()]
    return finished.last(project, requested) is not None


def test_an_unchanged_rerun_is_skipped_with_its_reason(ended: Run, again: Callable[[], Run], started: Jobs) -> None:
    run = again()
    assert started.count == 0
    assert "Nothing to make: code, settings, files of dbt, tables and artifacts are what run" in run.printed
    table = [line for line in ended.printed.splitlines() if "│" in line]
    assert [line for line in run.printed.splitlines() if "│" in line] == table
    assert str(run.settings.home / "report.html") in run.printed


def test_what_is_asked_otherwise_is_run(ended: Run) -> None:
    assert would_do_nothing(ended.settings)
    assert not would_do_nothing(ended.settings, "returns_14d")
    assert not would_do_nothing(ended.settings, key="2024-09-16")
    assert not would_do_nothing(ended.settings, job="score_job")
    assert not would_do_nothing(ended.settings.model_copy(update={"epochs": 2}))


@pytest.mark.parametrize("name", ["code_version", "definitions_code"])
def test_other_code_is_run(ended: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(finished, name, lambda: "other code")
    assert not would_do_nothing(ended.settings)


@pytest.mark.parametrize(
    "statement",
    [
        f"drop table {SCORES}",
        f"delete from {SCORES} where patient = (select min(patient) from {SCORES})",
        f"update {SCORES} set score = 0 where patient = (select min(patient) from {SCORES})",
        "drop table basemodel.lookalikes",
        "update basemodel.returns_14d_explanations set run_id = 'another'",
        "delete from basemodel.ledger",
        "insert into behavior.visits from behavior.visits limit 1",
        "drop table tasks.returns_14d",
    ],
)
def test_tables_that_are_not_as_they_were_left_are_made_again(
    ended: Run, warehouse: Callable[[str], None], statement: str
) -> None:
    assert would_do_nothing(ended.settings)
    warehouse(statement)
    assert not would_do_nothing(ended.settings)


def test_a_table_that_was_dropped_is_there_again(
    ended: Run, again: Callable[[], Run], started: Jobs, warehouse: Callable[[str], None]
) -> None:
    query = f"select * exclude (run_id, scored_at) from {SCORES} order by all"
    rows = ended.rows(query)
    warehouse(f"drop table {SCORES}")
    run = again()
    assert started.count == 1
    assert run.rows(query) == rows
    assert "assets" in run.printed


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outcome": {}}', '{"outcome": null, "state": []}'])
def test_a_record_that_cannot_be_read_is_none(ended: Run, text: str) -> None:
    path = ended.settings.home / "dagster" / "finished.json"
    content = path.read_text()
    path.write_text(text)
    assert not would_do_nothing(ended.settings)
    path.write_text(content)
    assert would_do_nothing(ended.settings)


def test_a_dbt_build_that_may_differ_is_run(ended: Run) -> None:
    project = load_project(ended.settings)
    outcome = Outcome("run", KEY, 1, 1, 0, ["dbt_behavior", "dbt_of_the_clock"], [], {})
    finished.forget(ended.settings)
    assert not would_do_nothing(ended.settings)
    finished.note(project, ["asked"], outcome)
    assert finished.last(project, ["asked"]) is None
    finished.note(project, ["asked"], replace(outcome, builds=["dbt_behavior"]))
    assert finished.last(project, ["asked"]) == replace(outcome, builds=["dbt_behavior"])


def test_a_warning_stands_while_the_state_is_unchanged(
    ended: Run, again: Callable[[], Run], started: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_result = CheckResult("repeats", False, "Rows stand twice.", {})
    (ended.settings.home / "findings" / "visits" / "repeats.json").unlink()
    finished.forget(ended.settings)
    with monkeypatch.context() as patch:
        patch.setattr(repetition, "repeated_rows", lambda *_: check_result)
        assert "Nothing to make" not in again().printed
        for _ in range(2):
            assert "and so do its warnings: behavior/visits, repeats" in again().printed
    assert started.count == 1
    assert started.outcomes[0].warned == ["behavior/visits, repeats"]
    finished.forget(ended.settings)
    again()  # the check passes by now
    assert started.outcomes[-1].warned == []
    assert "warnings" not in again().printed
    assert started.count == 2


def test_a_blocking_check_stops_every_run_until_it_passes(
    ended: Run, again: Callable[[], Run], started: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from basemodel_ops.stages.checks import answers

    check_result = CheckResult("model", False, "Losses are not finite.", {})
    finished.forget(ended.settings)
    with monkeypatch.context() as patch:
        patch.setattr(answers, "check_model", lambda *_: check_result)
        for _ in range(2):
            with pytest.raises(RunError, match="Losses are not finite"):
                again()
    again()
    assert started.count == 3


def test_an_artifact_that_is_gone_is_run(ended: Run) -> None:
    path = next((ended.settings.home / "artifacts" / "encoders").rglob("manifest.json"))
    content = path.read_bytes()
    path.unlink()
    try:
        assert not would_do_nothing(ended.settings)
    finally:
        path.write_bytes(content)


def test_another_file_of_dbt_is_run(ended: Run, edited: Callable[[str, str, str], Path]) -> None:
    project = edited("models/behavior/visits.sql", "select * from visit_log", "select * from visit_log where true")
    assert not would_do_nothing(ended.settings.model_copy(update={"dbt_project_dir": project}))
