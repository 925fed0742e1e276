"""Tasks with more to answer than one number, from the label table to the score table."""

import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.contract.task_types import FORMS, Shape
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_scores, check_task
from basemodel_ops.stages.explanations.entity import explain_entity
from basemodel_ops.stages.explanations.published import chosen_entities
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact
from basemodel_ops.stages.tasks.single_artifact import SingleModelArtifact
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from ..riding import CUTOFFS, RIDES, ask, is_over
from ..trips import NOW, trips

DEAR = 20.0
"""Fare from which on a trip is one of those that are waited for."""


def _dear() -> dict[str, list[datetime]]:
    result: dict[str, list[datetime]] = {rider: [] for rider, _ in RIDES}
    for row in trips().select(["rider", "started_at", "fare"]).to_pylist():
        if row["fare"] >= DEAR:
            result[row["rider"]].append(row["started_at"])
    return result


def wait(rider: str, cutoff: datetime) -> tuple[float, bool]:
    """Days until the next dear trip, or until the data end."""
    later = [moment for moment in DEAR_TRIPS[rider] if moment >= cutoff]
    return (min(later, default=NOW) - cutoff) / timedelta(days=1), bool(later)


DEAR_TRIPS = _dear()


def waiting(ws: Workspace, name: str, days: float = 0.0, **changes: Any) -> tuple[Workspace, Task]:
    """A workspace with a task that asks for the next dear trip; `days` is added to every label."""
    described = [(*key, *(wait(*key) if is_over(key[1]) else (None, None))) for key in RIDES]
    rider, cutoff, until, came = zip(*described, strict=True)
    table = pa.table(
        {
            "rider": pa.array(rider), "cutoff": pa.array(cutoff, pa.timestamp("us")),
            "until": pa.array([None if entry is None else entry + days for entry in until], pa.float64()),
            "came": pa.array(came, pa.bool_()),
        }
    )  # fmt: skip
    relation = Relation(schema_name="tasks", name=name)
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(relation, table)
    update = {
        "name": name, "relation": relation, "type": TaskType.SURVIVAL, "target": "until", "observed": "came",
        "within": (28, 56),
    } | changes  # fmt: skip
    task = ws.contract.tasks[0].model_copy(update=update)
    return Workspace.open(ws.settings, ws.contract.model_copy(update={"tasks": (task,)}), lambda _: None), task


def answered(ws: Workspace, name: str) -> list[dict[str, Any]]:
    """Fit, evaluate and score; the rows of the score table."""
    stages.task_model(ws, name)
    stages.task_evaluation(ws, name)
    stages.task_scores(ws, name, CUTOFFS[-1], "run")
    assert check_scores(ws, name, CUTOFFS[-1]).passed
    with duckdb.connect(str(ws.settings.warehouse_path), read_only=True) as connection:
        scores = connection.sql(f'select * from basemodel."{name}_scores" order by rider')
        return scores.to_arrow_table().to_pylist()


def test_every_type_has_a_form_and_every_type_of_one_answer_a_kind() -> None:
    assert set(FORMS) == set(TaskType)
    for kind in (kind for kind in TaskType if FORMS[kind].shape is Shape.ANSWER):
        assert FORMS[kind].metrics
        task = Task(
            name="any", relation=Relation(schema_name="any", name="any"), type=kind, entity="e", cutoff="c",
            target="t", horizon=7, population=None, predicts=None, reads=(),
        )  # fmt: skip
        assert FORMS[kind].answer in [column.name for column in kind_of(kind).columns(task)]


@pytest.fixture(scope="module")
def survived(riders: Workspace) -> tuple[Workspace, Task, list[dict[str, Any]]]:
    ws, task = waiting(riders, "next_dear_trip")
    return ws, task, answered(ws, task.name)


def test_survival_answers_days_and_chances_that_rise(survived: tuple[Workspace, Task, list[dict[str, Any]]]) -> None:
    ws, task, rows = survived
    assert len(rows) == len({rider for rider, _ in RIDES})
    for row in rows:
        assert 0 < row["expected_days"] <= 56
        assert 0 <= row["within_14_days"] <= row["within_28_days"] <= row["within_56_days"] <= 1
    report = EvaluationArtifact.current(ws.store, task.name).report
    assert report["metric"] == "concordance"
    measured = SingleModelArtifact.current(ws.store, task.name).metrics.test["baseline"]
    assert measured.keys() == {"concordance", "integrated_brier"}
    shipped = report["shipped"]
    low, value, high = (report[f"{shipped}: concordance{end}"] for end in ("_low", "", "_high"))
    assert low < value < high
    assert "concordance" in check_task(ws, task.name).description


def test_the_reasons_of_a_survival_score_share_out_its_days(
    survived: tuple[Workspace, Task, list[dict[str, Any]]],
) -> None:
    ws, task, rows = survived
    explained = explain_entity(ws, task.name, "rider 3", CUTOFFS[-1])
    (published,) = (row["expected_days"] for row in rows if row["rider"] == "rider 3")
    assert explained.score == pytest.approx(published, rel=1e-6)
    total = sum(reason.contribution for reason in explained.reasons)
    assert total == pytest.approx(explained.score - explained.empty, rel=1e-6, abs=1e-6)


def test_those_whose_event_is_soonest_are_explained(survived: tuple[Workspace, Task, list[dict[str, Any]]]) -> None:
    ws, task, rows = survived
    with ws.warehouse() as warehouse:
        chosen = chosen_entities(warehouse, task, CUTOFFS[-1], 5).to_pylist()
    first = {row["rider"]: row["expected_days"] for row in rows}
    top = [first[entry["rider"]] for entry in chosen if entry["chosen_by"] == "top"]
    assert top == sorted(first.values())[:5]


def test_days_beyond_the_end_of_the_data_are_refused(riders: Workspace) -> None:
    ws, task = waiting(riders, "told_too_much", days=3.0)
    with pytest.raises(DataError, match="goes beyond the end of the data"):
        stages.task_model(ws, task.name)
    ws, task = waiting(riders, "told_too_little", days=-1e6)
    with pytest.raises(DataError, match="below zero"):
        stages.task_model(ws, task.name)


def test_a_regression_with_a_coverage_has_bounds_and_says_how_often_they_hold(riders: Workspace) -> None:
    def rides(rider: str, cutoff: datetime) -> float | None:
        return float(len(RIDES[rider, cutoff])) if is_over(cutoff) else None

    plain, task = ask(riders, rides, pa.float64(), type=TaskType.REGRESSION)
    before = answered(plain, task.name)
    covered = task.model_copy(update={"coverage": 0.8})
    ws = Workspace.open(plain.settings, plain.contract.model_copy(update={"tasks": (covered,)}), lambda _: None)
    rows = answered(ws, task.name)  # into the table that has no bounds yet
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in before]
    assert all(0 <= row["lower"] <= row["prediction"] <= row["upper"] for row in rows)
    report = EvaluationArtifact.current(ws.store, task.name).report
    selected = report["shipped"]
    interval = SingleModelArtifact.current(ws.store, task.name).interval
    assert interval is not None
    assert interval.below.max() <= 0 <= interval.above.min()
    assert 0.6 < report[f"{selected}: coverage"] <= 1
    assert report[f"{selected}: width"] > 0


def test_every_class_has_its_chance_beside_the_likeliest(riders: Workspace) -> None:
    def level(rider: str, cutoff: datetime) -> str | None:
        return ("none", "a 'few'", 'so "many"')[min(len(RIDES[rider, cutoff]) // 2, 2)] if is_over(cutoff) else None

    ws, task = ask(riders, level, pa.string(), type=TaskType.MULTICLASS)
    for row in answered(ws, task.name):
        chances = json.loads(row["probabilities"])
        assert set(chances) == {"none", "a 'few'", 'so "many"'}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)
        assert max(chances, key=lambda name: chances[name]) == row["class"]
        assert chances[row["class"]] == pytest.approx(row["probability"], rel=1e-5)
