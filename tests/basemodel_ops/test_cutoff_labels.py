"""Cutoffs at which all labels are one value while elsewhere they are not."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.task_types import TaskType
from basemodel_ops.contract.types import Relation, Task
from basemodel_ops.data_quality.cutoff_labels import has_comparable_cutoffs, labels_by_cutoff
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.sql import SqlWarehouse

LABELS = Relation(schema_name="tasks", name="labels")


def task_of(kind: TaskType = TaskType.BINARY, **more: Any) -> Task:
    return Task(
        name="labels", relation=LABELS, entity="who", cutoff="value", target="moment", type=kind, horizon=30,
        population=None, predicts=None, reads=(), **more,
    )  # fmt: skip


def checked(warehouse: SqlWarehouse, labels: Sequence[Sequence[object]], kind: TaskType) -> CheckResult:
    """The finding on the labels of each month from January 2020; the columns are called as those of the query."""
    months = [datetime(2020 + index // 12, 1 + index % 12, 1) for index in range(len(labels))]
    rows = {
        "who": [number for month in labels for number in range(len(month))],
        "value": pa.array([month for month, of in zip(months, labels, strict=True) for _ in of], pa.timestamp("us")),
        "moment": [label for month in labels for label in month],
    }
    warehouse.load(LABELS, pa.table(rows))
    return labels_by_cutoff(warehouse, task_of(kind))


def of_share(share: float, count: int = 200, yes: object = 1, no: object = 0) -> list[object]:
    return [yes] * round(share * count) + [no] * (count - round(share * count))


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "w.duckdb")


def test_what_was_not_recorded_yet_is_told(warehouse: DuckDBWarehouse) -> None:
    result = checked(warehouse, [of_share(0)] * 15 + [of_share(0.4)] * 20, TaskType.BINARY)
    assert not result.passed
    assert not result.is_severe
    assert result.metrics == {"cutoffs": 35, "of_one_value": 15}
    assert "At 15 of 35 cutoffs every moment of tasks.labels is 0 (2020-01-01, 2020-02-01, 2020-03-01 and 12 more)" in (
        result.description
    )
    assert "elsewhere 40.0% or more are not. Was it recorded then?" in result.description
    assert "Does each window hold what is asked about?" in result.description


@pytest.mark.parametrize(
    ("kind", "empty", "full"),
    [
        (TaskType.REGRESSION, of_share(0), [0.0, *map(float, range(199))]),
        (TaskType.BINARY, of_share(0, yes=True, no=False), of_share(0.3, yes=True, no=False)),
        (TaskType.MULTICLASS, of_share(0, yes="a", no="b"), of_share(0.3, yes="a", no="b")),
        (TaskType.BINARY, of_share(0), of_share(1)),
    ],
    ids=["amounts", "booleans", "classes", "nothing differs within"],
)
def test_each_kind_of_label_is_looked_at(
    warehouse: DuckDBWarehouse, kind: TaskType, empty: list[object], full: list[object]
) -> None:
    result = checked(warehouse, [empty, full, full, empty, full], kind)
    assert int(result.metrics["of_one_value"]) >= 2
    assert "2020-01-01, 2020-04-01)" in result.description
    assert ("of one class" in result.description) == (kind is TaskType.MULTICLASS)


def test_the_chance_is_what_decides(warehouse: DuckDBWarehouse) -> None:
    # (1 - .05) ** n is below 1e-6 from n = 270 on; with the share of others elsewhere at .05.
    often = [of_share(0.05, 1_000)] * 3
    assert 0.95**269 > 1e-6 > 0.95**270
    assert checked(warehouse, [*often, of_share(0, 269)], TaskType.BINARY).passed
    assert not checked(warehouse, [*often, of_share(0, 270)], TaskType.BINARY).passed


def test_few_labels_unknown_ones_and_what_never_differs_are_left_alone(warehouse: DuckDBWarehouse) -> None:
    half = of_share(0.5)
    assert checked(warehouse, [of_share(0, 49), half, half], TaskType.BINARY).passed
    assert not checked(warehouse, [of_share(0, 50), half, half], TaskType.BINARY).passed
    assert checked(warehouse, [[None] * 200 + [0] * 10, half, half], TaskType.BINARY).passed
    assert checked(warehouse, [of_share(0)] * 3, TaskType.BINARY).passed


def test_one_aggregate_is_read(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[exp.Query] = []
    read = DuckDBWarehouse.read
    monkeypatch.setattr(DuckDBWarehouse, "read", lambda self, query: queries.append(query) or read(self, query))
    checked(warehouse, [of_share(0.5)] * 3, TaskType.BINARY)
    assert len(queries) == 1


def test_times_to_an_event_and_lists_are_not_compared() -> None:
    assert has_comparable_cutoffs(task_of())
    assert not has_comparable_cutoffs(task_of(TaskType.SURVIVAL, observed="seen"))
    assert not has_comparable_cutoffs(task_of(TaskType.MULTILABEL))
