"""Forgetting, step by step: what is deleted, what is kept, what is marked, and that it can be done again."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Contract, EventSource, Grid, Relation, Task, TaskType
from basemodel_ops.erasures import ERASED, digests, read_erased
from basemodel_ops.errors import WarehouseError
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace, forget, models_due
from basemodel_ops.stages.erasure.forgetting import check_erased, check_models
from basemodel_ops.stages.explanations.published import explanation_relation
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query

MONDAYS = [datetime(2024, 1, 1), datetime(2024, 1, 8)]
REQUESTS = Relation(schema_name="privacy", name="requests")
EVENTS = Relation(schema_name="behavior", name="visits")
SCORES, OLD = (Relation(schema_name="basemodel", name=name) for name in ("returns_scores", "dropped_task_scores"))
CONTRACT = Contract(
    entity="patient",
    events=(EventSource(name="visits", relation=EVENTS, entity="patient", time="at", session=None, columns=()),),
    attributes=(),
    tasks=(
        Task(
            name="returns", relation=Relation(schema_name="tasks", name="returns"), type=TaskType.BINARY,
            entity="patient", cutoff="cutoff", target="returned", horizon=7, population=None, predicts=None, reads=(),
        ),
    ),
    grid=Grid(
        relation=Relation(schema_name="tasks", name="weeks"), cutoff="cutoff", data_end="data_end",
        start=date(2024, 1, 1), now=None,
    ),
)  # fmt: skip
TEXTS, NUMBERS = ["Ana", "O'Brien; --", "größe 表", "Zoë"], [3, 10**15 + 7, -4, 0]


def events(patients: list[Any]) -> pa.Table:
    return pa.table({"patient": patients, "at": pa.array([MONDAYS[0]] * len(patients), pa.timestamp("us"))})


def written(name: str, table: pa.Table) -> Callable[[ArtifactWriter], None]:
    def fill(writer: ArtifactWriter) -> None:
        writer.table(name, table)
        writer.arrays("values", {"x": np.zeros(3)})

    return fill


@pytest.fixture(params=[TEXTS, NUMBERS], ids=["texts", "numbers"])
def patients(request: pytest.FixtureRequest) -> list[Any]:
    return request.param


@pytest.fixture
def workspace(tmp_path: Path, patients: list[Any]) -> Workspace:
    """Four patients with events, scores of two weeks by two tasks, examples and models; the first asks to go."""
    ws = Workspace.open(Settings(home=tmp_path / "home"), CONTRACT, lambda _: None, "run 7")
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        warehouse.load(EVENTS, events(patients))
        warehouse.load(CONTRACT.tasks[0].relation, pa.table({"patient": patients[1:]}))
        warehouse.load(REQUESTS, pa.table({"patient": patients[:1], "asked_by": ["mail"]}))
        for relation in (SCORES, OLD):
            for week, names in zip(MONDAYS, (patients, patients[1:]), strict=True):
                moments = pa.array([week] * len(names), pa.timestamp("us"))
                table = pa.table({"patient": names, "as_of": moments, "score": np.arange(len(names)) / 10})
                warehouse.publish(relation, table, {"as_of": week}, "inputs", "code", "run 1")
    ws.store.write("training_examples", "v1", written("entities", pa.table({"value": patients})))
    ws.store.write("encoders/visits", "v1", written("clinic", pa.table({"value": ["x", "y"], "count": [5, 6]})))
    for key in ("foundation_model", "returns/model"):
        ws.store.write(key, "v1", lambda writer: writer.text("tree", "1"))
    return ws


def rows(ws: Workspace, relation: Relation, *columns: str) -> list[tuple]:
    with DuckDBWarehouse(ws.settings.warehouse_path) as warehouse:
        table = warehouse.read(rows_query(relation, list(columns)))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_answers_go_from_every_week_and_the_ledger_says_so(workspace: Workspace, patients: list[Any]) -> None:
    done = forget(workspace, REQUESTS)
    assert (done.ids, done.new, done.rows) == (1, 1, 2)
    for relation in (SCORES, OLD):
        left = {
            (name, week, float(score)) for name, week, score in rows(workspace, relation, "patient", "as_of", "score")
        }
        assert left == {(name, MONDAYS[0], row_index / 10) for row_index, name in enumerate(patients) if row_index} | {
            (name, MONDAYS[1], row_index / 10) for row_index, name in enumerate(patients[1:])
        }
    for _, partition, inputs, count, run in rows(
        workspace, LEDGER, "table_name", "partition", "input_hash", "row_count", "run_id"
    ):
        touched = "2024-01-01" in partition
        assert inputs.startswith("forgotten ") == touched
        assert (count, run) == (3, "run 7" if touched else "run 1")


def test_reasons_go_with_the_scores(workspace: Workspace, patients: list[Any]) -> None:
    reasons = explanation_relation("returns")
    names = [name for name in patients for _ in range(2)]
    moments = pa.array([MONDAYS[0]] * len(names), pa.timestamp("us"))
    table = pa.table({"patient": names, "as_of": moments, "rank": list(range(len(names)))})
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        warehouse.publish(reasons, table, {"as_of": MONDAYS[0]}, "inputs", "code", "run 1")
    assert forget(workspace, REQUESTS).rows == 4
    assert sorted(rows(workspace, reasons, "patient", "rank"), key=str) == sorted(
        [(name, rank) for rank, name in enumerate(names) if name != patients[0]], key=str
    )


def test_artifacts_with_the_id_go_and_models_are_due_until_they_are_trained_again(workspace: Workspace) -> None:
    done = forget(workspace, REQUESTS)
    assert done.artifacts == ("training_examples/v1",)
    assert sorted(workspace.store.versions()) == [
        ("encoders/visits", "v1"), ("foundation_model", "v1"), ("returns/model", "v1"),
    ]  # fmt: skip
    assert set(done.due) == set(models_due(workspace)) == {"foundation_model", "returns/model"}
    check_result = check_erased(workspace, "foundation_model")
    assert not check_result.passed
    assert "retrain due" in check_result.description
    workspace.store.write("foundation_model", "v2", lambda writer: writer.text("tree", "2"))
    assert check_erased(workspace, "foundation_model").passed
    assert set(models_due(workspace)) == {"returns/model"}
    workspace.store.point("foundation_model", "v1")  # the old one, back again
    assert not check_erased(workspace, "foundation_model").passed


def test_an_artifact_that_cannot_be_read_goes_too(workspace: Workspace) -> None:
    path = workspace.settings.home / "artifacts" / "encoders" / "visits" / "v1" / "clinic.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert "encoders/visits/v1" in forget(workspace, REQUESTS).artifacts


def test_doing_it_again_does_nothing(workspace: Workspace) -> None:
    forget(workspace, REQUESTS)
    before = rows(workspace, LEDGER, "input_hash", "committed_at"), rows(workspace, ERASED, "digest", "forgotten_at")
    done = forget(workspace, REQUESTS)
    assert (done.ids, done.new, done.rows, done.artifacts) == (1, 0, 0, ())
    assert set(done.due) == {"foundation_model", "returns/model"}
    assert (
        rows(workspace, LEDGER, "input_hash", "committed_at"),
        rows(workspace, ERASED, "digest", "forgotten_at"),
    ) == before


def test_a_foreign_row_is_noted_and_nothing_else_happens(workspace: Workspace, patients: list[Any]) -> None:
    absent = "nobody" if isinstance(patients[0], str) else 6  # 6 stands in a column of counts
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        warehouse.load(REQUESTS, pa.table({"patient": [absent, None]}))
    done = forget(workspace, REQUESTS)
    assert (done.ids, done.new, done.rows, done.due) == (1, 1, 0, ())
    assert "training_examples/v1" not in done.artifacts


def test_digests_are_those_the_warehouse_computes(workspace: Workspace, patients: list[Any]) -> None:
    """By DuckDB's own function, as in the macro that the models use."""
    sha = exp.Anonymous(this="sha256", expressions=[exp.cast(exp.column("patient"), "varchar")])
    query = exp.select("patient", exp.alias_(sha, "digest")).from_("behavior.visits")
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        table = warehouse.read(query)
    assert digests(table.column("patient")) == table.column("digest").to_pylist()


def test_the_table_of_digests_holds_no_id(workspace: Workspace, patients: list[Any]) -> None:
    forget(workspace, REQUESTS)
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        table = read_erased(warehouse)
    assert table.column_names == ["digest", "forgotten_at"]
    assert len(table.column("digest")[0].as_py()) == 64
    assert str(patients[0]) not in table.column("digest").to_pylist()


def test_a_model_that_does_not_leave_them_out_is_named(workspace: Workspace) -> None:
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        assert check_models(workspace.contract, warehouse) == []
    forget(workspace, REQUESTS)
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        result = {
            check_result.name.split(":")[0]: check_result
            for check_result in check_models(workspace.contract, warehouse)
        }
    assert {name: check_result.passed for name, check_result in result.items()} == {"visits": False, "returns": True}
    for words in ("behavior.visits holds 1 of the 1", "is_remembered('patient')"):
        assert words in result["visits"].description


def test_a_table_that_is_not_there_is_named_and_nothing_is_done(workspace: Workspace) -> None:
    with pytest.raises(WarehouseError, match=r"privacy\.nothing"):
        forget(workspace, Relation(schema_name="privacy", name="nothing"))
    with DuckDBWarehouse(workspace.settings.warehouse_path) as warehouse:
        assert not warehouse.exists(ERASED)
