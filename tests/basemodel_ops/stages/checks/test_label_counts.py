"""Labels counted again from events: sound ones pass, others are counted, and what cannot be told says why."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Aggregate, Relation, Target, TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.label_counts import check_labels
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

from ..riding import HORIZON, RIDES, ask, is_over
from ..trips import trips

ANY, NONE, COUNT = (
    Target(source="trips", aggregate=value) for value in (Aggregate.ANY, Aggregate.NONE, Aggregate.COUNT)
)
SUM = Target(source="trips", column="fare", aggregate=Aggregate.SUM)
TRIPS = trips().to_pylist()


def shifted(rider: str, cutoff: datetime, by: timedelta) -> int:
    """Trips in a window that is moved."""
    start = cutoff + by
    return sum(row["rider"] == rider and start <= row["started_at"] < start + HORIZON for row in TRIPS)


SOUND: list[tuple[Target, pa.DataType, Any]] = [
    (ANY, pa.int64(), lambda rides: int(len(rides) > 0)),
    (NONE, pa.bool_(), lambda rides: not rides),
    (COUNT, pa.int64(), len),
    (SUM, pa.float64(), lambda rides: sum(row["fare"] for row in rides)),
]


@pytest.mark.parametrize(("predicts", "kind", "answer"), SOUND, ids=["any", "none", "count", "sum"])
def test_sound_labels_agree_open_windows_too(
    riders: Workspace, predicts: Target, kind: pa.DataType, answer: Any
) -> None:
    def sound(rider: str, cutoff: datetime) -> Any:
        if any(not abs(row["fare"]) < 1e9 for row in RIDES[rider, cutoff]):
            return ...
        return answer(RIDES[rider, cutoff]) if is_over(cutoff) else None

    ws, task = ask(riders, sound, kind, predicts=predicts)
    check_result = check_labels(ws, task.name)
    assert check_result.passed, check_result.description
    assert float(check_result.metrics["rows"]) > 500


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rider, cutoff: shifted(rider, cutoff, timedelta(days=1)) if is_over(cutoff) else None,
        lambda rider, cutoff: len(RIDES[rider, cutoff]) + (rider == "rider 3") if is_over(cutoff) else None,
        lambda rider, cutoff: len(RIDES[rider, cutoff]),
        lambda rider, cutoff: len(RIDES[rider, cutoff]) if is_over(cutoff) and rider != "rider 3" else None,
    ],
    ids=["a day late", "one rider", "an open window", "missing"],
)
def test_labels_that_events_do_not_say_are_counted(riders: Workspace, wrong: Any) -> None:
    ws, task = ask(riders, wrong, pa.int64(), predicts=COUNT)
    check_result = check_labels(ws, task.name)
    rows = [key for key in RIDES if (wrong(*key) != (len(RIDES[key]) if is_over(key[1]) else None))]
    assert not check_result.passed
    assert check_result.metrics["differing"] == len(rows) > 0
    for word in (str(task.relation), "14 days", str(min(cutoff for _, cutoff in rows)), "Mend its window"):
        assert word in check_result.description


def test_a_text_is_no_count(riders: Workspace) -> None:
    ws, task = ask(riders, lambda rider, cutoff: "many" if is_over(cutoff) else None, pa.string(), predicts=COUNT)
    assert not check_labels(ws, task.name).passed


@pytest.mark.parametrize(("change", "invented", "left_out"), [("", False, 0), ("extra", True, 0), ("fewer", False, 1)])
def test_items_are_those_of_the_window(riders: Workspace, change: str, invented: bool, left_out: int) -> None:
    ws, task = ask(
        riders, lambda rider, cutoff: 0, pa.int64(), type=TaskType.RECOMMENDATION, target="station",
        predicts=Target(source="trips", column="station"), population=Relation(schema_name="tasks", name="asked"),
    )  # fmt: skip
    result: dict[tuple[str, datetime], set[int]] = defaultdict(set)
    for key, rows in RIDES.items():
        if is_over(key[1]):
            result[key] |= {row["station"] for row in rows}
    key = next(key for key, items in result.items() if len(items) > 1)
    if change == "extra":
        result[key].add(next(item for item in range(60) if item not in result[key]))
    elif change == "fewer":
        result[key].pop()
    rows = [(rider, cutoff, item) for (rider, cutoff), items in result.items() for item in items]
    rider, cutoff, station = zip(*rows, strict=True)
    everyone = {"rider": [r for r, _ in RIDES], "cutoff": pa.array([c for _, c in RIDES], pa.timestamp("us"))}
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        moments = pa.array(cutoff, pa.timestamp("us"))
        warehouse.load(task.relation, pa.table({"rider": rider, "cutoff": moments, "station": station}))
        warehouse.load(task.population or task.relation, pa.table(everyone))
    check_result = check_labels(ws, task.name)
    assert check_result.passed is not invented
    assert check_result.metrics["left_out"] == left_out
    assert check_result.metrics["rows"] == len(RIDES)


def test_what_the_contract_does_not_tell_says_why(riders: Workspace) -> None:
    def check_answer(**changes: Any) -> str:
        ws, task = ask(riders, lambda rider, cutoff: 1, pa.int64(), **changes)
        check_result = check_labels(ws, task.name)
        assert check_result.passed
        assert check_result.metrics["rows"] == 0
        return check_result.description

    assert "add `predicts`" in check_answer(predicts=None)
    assert "trait" in check_answer(horizon=None)
    ws, task = ask(riders, lambda rider, cutoff: ..., pa.int64(), predicts=COUNT)
    assert "no rows" in check_labels(ws, task.name).description
