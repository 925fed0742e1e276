"""What a plan says of the answers of a week is what a run then does."""

from datetime import timedelta

import pyarrow as pa
import pytest

from basemodel_ops import stages
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.planning import week
from basemodel_ops.stages.planning.plan import Step
from basemodel_ops.stages.planning.week import plan_answers
from basemodel_ops.stages.scoring import scoring
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from ..riding import CUTOFFS
from ..trips import TRIP_TABLE, trips

NEWEST = CUTOFFS[-1]


def planned(ws: Workspace, task: str, trained: tuple[Step, ...] = ()) -> Step:
    (step,) = (step for step in plan_answers(ws, NEWEST, trained) if step.key == f"{task}/scores")
    return step


def load(ws: Workspace, table: pa.Table) -> None:
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(TRIP_TABLE, table)


def test_answers_are_due_until_they_are_there_and_when_what_they_follow_from_changes(
    fitted: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, task = fitted
    assert planned(ws, task).why == f"not answered as of {NEWEST:%Y-%m-%d} yet"
    assert not stages.score(ws, [task], NEWEST, "first")[task].reused
    assert not planned(ws, task).is_due
    assert stages.score(ws, [task], NEWEST, "second")[task].reused

    created = Step(f"{task}/model", True, "its code changed")
    assert planned(ws, task, (created,)).why == f"{task}/model will be made"

    for module in (week, scoring):
        monkeypatch.setattr(module, "code_behind", lambda _: "another")
    assert planned(ws, task).why == "its code changed"
    assert not stages.score(ws, [task], NEWEST, "third")[task].reused
    assert not planned(ws, task).is_due

    everything = trips()
    late = everything.slice(0, 1).set_column(
        everything.schema.get_field_index("started_at"), "started_at",
        pa.array([NEWEST - timedelta(hours=1)], pa.timestamp("us")),
    )  # fmt: skip
    try:
        load(ws, pa.concat_tables([everything, late]))
        assert planned(ws, task).is_due
        assert not stages.score(ws, [task], NEWEST, "fourth")[task].reused
    finally:
        load(ws, everything)
