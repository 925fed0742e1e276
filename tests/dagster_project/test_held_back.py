"""A task whose model may not answer holds back its own tables; all that is of others is made."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from basemodel_ops.report import CheckResult
from basemodel_ops.settings import Settings
from basemodel_ops.stages.checks import answers
from dagster_project.cli.execution import RunError, run_main_job

from .conftest import SMALL, VISITS, Run

HELD = "asked_again"
"""The second task of the project, whose model is said to be worse than its baseline."""

SOURCES = """version: 2
sources:
  - name: basemodel
    tables:
      - {name: returns_14d_scores, config: {meta: {dagster: {asset_key: [returns_14d, scores]}}},
         columns: [{name: patient, data_tests: [not_null]}]}
      - {name: asked_again_scores, config: {meta: {dagster: {asset_key: [asked_again, scores]}}},
         columns: [{name: patient, data_tests: [not_null]}]}
      - {name: asked_again_deciles, config: {meta: {dagster: {asset_key: [asked_again, deciles]}}}}
      - {name: segments, config: {meta: {dagster: {asset_key: [segments]}}}}
"""

MARTS = {
    "of_returns": "select patient, score, as_of from {{ source('basemodel', 'returns_14d_scores') }}",
    "of_again": "select patient, score, as_of from {{ source('basemodel', 'asked_again_scores') }}",
    "of_both": "select returns.patient, returns.score as returns, again.score as again, again.as_of as again_as_of "
    "from {{ source('basemodel', 'returns_14d_scores') }} as returns "
    "left join {{ source('basemodel', 'asked_again_scores') }} as again on again.patient = returns.patient "
    "and again.as_of = (select max(as_of) from {{ source('basemodel', 'asked_again_scores') }}) "
    "where returns.as_of = (select max(as_of) from {{ source('basemodel', 'returns_14d_scores') }})",
    "of_segments": "select * from {{ source('basemodel', 'segments') }}",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of visits whose question is asked twice, and models that read either or both."""
    folder = tmp_path_factory.mktemp("held") / "project"
    shutil.copytree(VISITS, folder, ignore=shutil.ignore_patterns("target", "logs"))
    tasks = folder / "models/tasks"
    shutil.copy(tasks / "returns_14d.sql", tasks / f"{HELD}.sql")
    _, _, task = (tasks / "tasks.yml").read_text().partition("  - name: returns_14d")
    (tasks / "more.yml").write_text(f"version: 2\n\nmodels:\n  - name: {HELD}{task}")
    marts = folder / "models/marts"
    marts.mkdir()
    (marts / "sources.yml").write_text(SOURCES)
    for name, query in MARTS.items():
        (marts / f"{name}.sql").write_text(query + "\n")
    return folder


def run(project: Path, home: Path, as_of: str) -> str:
    """What the main job prints, and the message that it ends with; empty where it ended well."""
    settings = Settings(dbt_project_dir=project, home=home).model_copy(update={**SMALL, "explained": 5})
    out = io.StringIO()
    try:
        run_main_job(settings, (), as_of, Console(file=out, width=200))
    except RunError as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_only_the_tables_of_the_task_that_may_not_answer_stay_back(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, check = tmp_path / "home", answers.check_task
    where = Run(Settings(dbt_project_dir=project, home=home), "")

    def tables() -> dict[str, set[str]]:
        rows = where.rows("select table_schema, table_name from information_schema.tables")
        return {schema: {name for other, name in rows if other == schema} for schema, _ in rows}

    def worse(ws: object, task: str) -> CheckResult:
        result: Callable = check
        return CheckResult("not_worse_than_the_baseline", False, "Far worse.") if task == HELD else result(ws, task)

    with monkeypatch.context() as patch:
        patch.setattr(answers, "check_task", worse)
        message = run(project, home, "2024-09-23")
        assert run(project, home, "2024-09-23") == message  # asked again, it says so again
    assert f"{HELD} is not scored: Far worse." in message
    assert "returns_14d" not in message
    created = tables()
    assert {"returns_14d_scores", "returns_14d_deciles", "returns_14d_explanations", "segments"} <= created["basemodel"]
    assert {"lookalikes", "anomalies"} <= created["basemodel"]
    assert not {name for name in created["basemodel"] if name.startswith(HELD)}
    assert {name for name in MARTS if name in created["main"]} == {"of_returns", "of_segments"}
    assert (home / "report.html").exists()

    assert run(project, home, "2024-09-23") == ""  # nothing is wrong with it any more
    assert where.rows(f"select count(*) from basemodel.{HELD}_scores") == where.rows(
        "select count(*) from basemodel.returns_14d_scores"
    )
    assert set(MARTS) <= tables()["main"]
    before = where.rows(f"select * from basemodel.{HELD}_scores order by all")

    with monkeypatch.context() as patch:
        patch.setattr(answers, "check_task", worse)
        assert HELD in run(project, home, "2024-09-30")
    assert where.rows(f"select * from basemodel.{HELD}_scores order by all") == before
    weeks = "select distinct cast(as_of as date)::varchar from basemodel.returns_14d_{} order by 1"
    assert where.rows(weeks.format("scores")) == [("2024-09-23",), ("2024-09-30",)]
    assert where.rows(weeks.format("deciles")) == [("2024-09-23",), ("2024-09-30",)]
    # What reads both tasks is made of the newest answers of each.
    assert where.rows("select distinct again_as_of::date::varchar from of_both where again is not null") == [
        ("2024-09-23",)
    ]
    assert where.rows("select count(*), count(again) > 0 from of_both") == where.rows(
        "select count(*), true from basemodel.returns_14d_scores where as_of = '2024-09-30'"
    )
