"""Queries: bounded in time, ordered, and quoted whatever the names are."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.task_types import TaskType
from basemodel_ops.contract.types import Contract, EventSource, Grid, Relation, Task
from basemodel_ops.data_quality.cutoff_labels import labels_by_cutoff
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import (
    counts_by_cutoff_query,
    counts_query,
    entities_query,
    events_query,
    rows_query,
    sample_query,
    timestamp_of,
)
from basemodel_ops.warehouse.sql import SqlWarehouse

NOON = datetime(2024, 1, 1, 12)
TICK = timedelta(microseconds=1)


def source(name: str, entity: str = "client", time: str = "at") -> EventSource:
    relation = Relation(schema_name="raw", name=name)
    return EventSource(name=name, relation=relation, entity=entity, time=time, session=None, columns=())


def test_events_are_strictly_before_the_bound(warehouse: DuckDBWarehouse) -> None:
    clicks = source("clicks")
    times = [NOON - TICK, NOON, NOON + TICK]
    warehouse.load(clicks.relation, pa.table({"client": [1, 2, 3], "at": pa.array(times, pa.timestamp("us"))}))
    assert warehouse.read(events_query(clicks, [], NOON)).column("client").to_pylist() == [1]
    assert warehouse.read(events_query(clicks, [], NOON + TICK)).column("client").to_pylist() == [1, 2]


def test_events_come_in_the_order_of_entity_time_and_columns(warehouse: DuckDBWarehouse) -> None:
    clicks = source("clicks")
    table = pa.table({
        "client": ["b", "a", "a", "a"],
        "at": pa.array([NOON, NOON, NOON - TICK, NOON], pa.timestamp("us")),
        "page": [1, 3, 2, 1],
    })  # fmt: skip
    warehouse.load(clicks.relation, table)
    result = warehouse.read(events_query(clicks, ["page", "client"], NOON + TICK))
    assert result.column_names == ["client", "at", "page"]
    assert result.column("client").to_pylist() == ["a", "a", "a", "b"]
    assert result.column("page").to_pylist() == [2, 1, 3, 1]


def test_entities_are_distinct_over_all_sources_and_known_before_the_bound(warehouse: DuckDBWarehouse) -> None:
    first, second = source("clicks"), source("calls", "client", "called_at")
    warehouse.load(
        first.relation,
        pa.table({"client": [3, 1, 1, 9], "at": pa.array([NOON - TICK] * 3 + [NOON], pa.timestamp("us"))}),
    )
    warehouse.load(second.relation, pa.table({"client": [2, 3, 8], "called_at": pa.array([NOON - TICK] * 2 + [NOON])}))
    grid = Grid(relation=first.relation, cutoff="at", data_end="at", start=NOON.date(), now=None)
    contract = Contract(entity="client", events=(first, second), attributes=(), tasks=(), grid=grid)
    assert warehouse.read(entities_query(contract, NOON)).column("entity").to_pylist() == [1, 2, 3]
    alone = contract.model_copy(update={"events": (first,)})
    assert warehouse.read(entities_query(alone, NOON)).column("entity").to_pylist() == [1, 3]


def test_counts_are_of_known_values_before_the_bound_the_most_frequent_first(warehouse: DuckDBWarehouse) -> None:
    clicks = source("clicks")
    pages = ["b", "a", "c", "c", None, "d", "d", "d"]
    times = pa.array([NOON - TICK] * 5 + [NOON] * 3, pa.timestamp("us"))
    warehouse.load(clicks.relation, pa.table({"client": [1] * 8, "at": times, "page": pages}))
    result = warehouse.read(counts_query(clicks, "page", NOON))
    assert result.to_pydict() == {"value": ["c", "a", "b"], "count": [2, 1, 1]}


@pytest.mark.parametrize("name", ["value", "count", "VALUE", "select"])
def test_a_column_named_like_a_result_is_counted_like_any_other(warehouse: DuckDBWarehouse, name: str) -> None:
    clicks = source("clicks")
    times = pa.array([NOON - TICK] * 4, pa.timestamp("us"))
    warehouse.load(clicks.relation, pa.table({"client": [1] * 4, "at": times, name: [7, 8, 8, 8]}))
    result = warehouse.read(counts_query(clicks, name, NOON))
    assert result.to_pydict() == {"value": [8, 7], "count": [3, 1]}


TASK = Relation(schema_name="tasks", name="labels")


@pytest.mark.parametrize("cutoff", ["cutoff", "rows", "labelled"])
@pytest.mark.parametrize("target", ["target", "positives"])
def test_a_task_is_counted_per_cutoff(backend: SqlWarehouse, cutoff: str, target: str) -> None:
    later = NOON + timedelta(days=7)
    moments = pa.array([later, NOON, later, NOON, later], pa.timestamp("us"))
    backend.load(TASK, pa.table({cutoff: moments, target: pa.array([1.0, 0.5, None, None, 1.0])}))
    result = backend.read(counts_by_cutoff_query(TASK, cutoff, target, yes=exp.Literal.number(1)))
    assert result.to_pydict() == {"cutoff": [NOON, later], "rows": [2, 3], "labelled": [1, 2], "positives": [0, 2]}
    result = backend.read(counts_by_cutoff_query(TASK, cutoff, target))
    assert result.to_pydict() == {"cutoff": [NOON, later], "rows": [2, 3], "labelled": [1, 2]}
    assert backend.read(counts_by_cutoff_query(TASK, cutoff)).to_pydict() == {"cutoff": [NOON, later], "rows": [2, 3]}


@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.bool_(), pa.string()], ids=str)
def test_labels_of_one_value_at_whole_cutoffs_are_told(backend: SqlWarehouse, kind: pa.DataType) -> None:
    moments = pa.array([NOON] * 60 + [NOON + timedelta(days=7)] * 60, pa.timestamp("us"))
    labels = pa.array([0] * 60 + [0, 1] * 30).cast(kind)
    backend.load(TASK, pa.table({"cutoff": moments, "target": labels}))
    task = Task(
        name="labels", relation=TASK, entity="who", cutoff="cutoff", target="target", type=TaskType.BINARY, horizon=7,
        population=None, predicts=None, reads=(),
    )  # fmt: skip
    result = labels_by_cutoff(backend, task)
    assert result.metrics == {"cutoffs": 2, "of_one_value": 1}
    assert f"({key_of(NOON)}), while elsewhere 50.0%" in result.description


def test_targets_that_are_no_numbers_are_counted_too(backend: SqlWarehouse) -> None:
    backend.load(TASK, pa.table({"cutoff": pa.array([NOON] * 3, pa.timestamp("us")), "target": ["a", None, "b"]}))
    result = backend.read(counts_by_cutoff_query(TASK, "cutoff", "target"))
    assert result.to_pydict() == {"cutoff": [NOON], "rows": [3], "labelled": [2]}
    backend.load(TASK, pa.table({"cutoff": pa.array([NOON] * 3, pa.timestamp("us")), "target": [True, None, False]}))
    result = backend.read(counts_by_cutoff_query(TASK, "cutoff", "target", yes=exp.true()))
    assert result.to_pydict() == {"cutoff": [NOON], "rows": [3], "labelled": [2], "positives": [1]}
    with pytest.raises(ValueError, match="need a target"):
        counts_by_cutoff_query(TASK, "cutoff", yes=exp.Literal.number(1))


@pytest.mark.parametrize("moment", [NOON, NOON + TICK, datetime(1970, 1, 1), datetime(2024, 2, 29, 23, 59, 59, 999999)])
def test_a_moment_is_written_exactly(warehouse: DuckDBWarehouse, moment: datetime) -> None:
    assert warehouse.read(exp.select(timestamp_of(moment))).column(0).to_pylist() == [moment]


LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
NAMES = st.text(LETTERS, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, NAMES, NAMES, NAMES)
def test_every_name_is_quoted(warehouse: DuckDBWarehouse, table: str, entity: str, time: str, column: str) -> None:
    # A letter in front keeps the names apart, and not empty.
    clicks = source(f"t{table}", f"e{entity}", f"m{time}")
    times = [NOON, NOON - TICK, NOON - TICK]
    values = pa.table({clicks.entity: [2, 1, 1], clicks.time: times, f"c{column}": [1, 3, 2]})
    names = values.column_names
    warehouse.load(clicks.relation, values)
    assert list(warehouse.columns(clicks.relation)) == names
    events = warehouse.read(events_query(clicks, [f"c{column}"], NOON))
    assert events.column_names == names
    assert events.column(2).to_pylist() == [2, 3]
    assert warehouse.read(rows_query(clicks.relation, names)).num_rows == 3
    assert warehouse.read(sample_query(clicks.relation, names, 2)).num_rows == 2
    assert warehouse.read(counts_query(clicks, f"c{column}", NOON)).num_rows == 2
