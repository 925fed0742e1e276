"""The embedded warehouse: partitions replaced whole or not at all, bounded reads, errors that help."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of

SCORES = Relation(schema_name="basemodel", name="scores")
MONDAY, TUESDAY = datetime(2024, 1, 1), datetime(2024, 1, 2)
ODD = 'say "hi", größe 表'


def scores(day: datetime, *values: float) -> pa.Table:
    return pa.table({"as_of": [day] * len(values), "client": list(range(len(values))), "score": list(values)})


def put(
    warehouse: DuckDBWarehouse, table: pa.Table, day: datetime, input_hash: str = "one", code_version: str = "code"
) -> bool:
    return warehouse.publish(SCORES, table, {"as_of": day}, input_hash, code_version, "run")


def rows(warehouse: DuckDBWarehouse, relation: Relation = SCORES, *columns: str) -> list[tuple[Any, ...]]:
    table = warehouse.read(rows_query(relation, list(columns or ("as_of", "client", "score"))))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def ledger(warehouse: DuckDBWarehouse) -> list[tuple[Any, ...]]:
    names = ("table_name", "partition", "input_hash", "code_version", "row_count", "run_id", "committed_at")
    return rows(warehouse, LEDGER, *names)


def tables(warehouse: DuckDBWarehouse) -> set[str]:
    names = exp.select("table_name").from_(exp.table_("tables", db="information_schema"))
    return set(warehouse.read(names).column(0).to_pylist())


def test_publish_replaces_exactly_one_partition(warehouse: DuckDBWarehouse) -> None:
    assert put(warehouse, scores(MONDAY, 1.0, 2.0), MONDAY)
    assert put(warehouse, scores(TUESDAY, 3.0), TUESDAY)
    assert put(warehouse, scores(MONDAY, 9.0), MONDAY, "two")
    assert rows(warehouse) == [(MONDAY, 0, 9.0), (TUESDAY, 0, 3.0)]
    assert [row[:6] for row in ledger(warehouse)] == [
        ("basemodel.scores", '{"as_of": "2024-01-01 00:00:00"}', "two", "code", 1, "run"),
        ("basemodel.scores", '{"as_of": "2024-01-02 00:00:00"}', "one", "code", 1, "run"),
    ]
    assert tables(warehouse) == {"scores", "ledger"}


def test_same_inputs_write_nothing_and_other_inputs_or_code_rewrite(warehouse: DuckDBWarehouse) -> None:
    assert put(warehouse, scores(MONDAY, 1.0), MONDAY)
    before = ledger(warehouse)
    assert not put(warehouse, scores(MONDAY, 2.0), MONDAY)
    assert rows(warehouse) == [(MONDAY, 0, 1.0)]
    assert ledger(warehouse) == before
    assert put(warehouse, scores(MONDAY, 3.0), MONDAY, "two")
    assert put(warehouse, scores(MONDAY, 4.0), MONDAY, "two", "newer code")
    assert rows(warehouse) == [(MONDAY, 0, 4.0)]


def test_an_empty_partition_takes_the_old_rows_away(warehouse: DuckDBWarehouse) -> None:
    put(warehouse, scores(MONDAY, 1.0), MONDAY)
    assert put(warehouse, scores(MONDAY, 5.0).slice(0, 0), MONDAY, "none")
    assert rows(warehouse) == []


def test_a_failure_after_the_delete_leaves_rows_and_ledger_as_they_were(warehouse: DuckDBWarehouse) -> None:
    put(warehouse, scores(MONDAY, 1.0, 2.0), MONDAY)
    before = rows(warehouse), ledger(warehouse), tables(warehouse)
    wider = scores(MONDAY, 7.0).append_column("surprise", pa.array(["?"]))
    with pytest.raises(WarehouseError, match="as it was") as caught:
        put(warehouse, wider, MONDAY, "two")
    assert "basemodel.scores" in str(caught.value)
    assert "surprise" in str(caught.value)
    assert (rows(warehouse), ledger(warehouse), tables(warehouse)) == before
    assert put(warehouse, scores(MONDAY, 3.0), MONDAY, "two")


def test_a_failing_ledger_takes_the_rows_back(warehouse: DuckDBWarehouse) -> None:
    put(warehouse, scores(MONDAY, 1.0), MONDAY)
    narrow = pa.table({"table_name": ["?"], "partition": ["?"], "input_hash": ["?"], "code_version": ["?"]})
    warehouse.load(LEDGER, narrow)
    with pytest.raises(WarehouseError, match="as it was"):
        put(warehouse, scores(MONDAY, 7.0), MONDAY, "two")
    assert rows(warehouse) == [(MONDAY, 0, 1.0)]
    assert tables(warehouse) == {"scores", "ledger"}


def test_a_partition_may_be_named_by_text(warehouse: DuckDBWarehouse) -> None:
    relation = Relation(schema_name="basemodel", name="by_text")
    for name in ("o'clock", 'a "b"'):
        table = pa.table({"part": [name], "value": [len(name)]})
        assert warehouse.publish(relation, table, {"part": name}, "one", "code", "run")
        assert warehouse.publish(relation, table, {"part": name}, "two", "code", "run")
    assert rows(warehouse, relation, "part", "value") == [('a "b"', 5), ("o'clock", 7)]


def test_odd_names_of_schemas_tables_and_columns_are_kept(warehouse: DuckDBWarehouse) -> None:
    relation = Relation(schema_name=f"s {ODD}", name=f"t {ODD}")
    table = pa.table({"as_of": [MONDAY], f"c {ODD}": [1]})
    assert warehouse.publish(relation, table, {"as_of": MONDAY}, "one", "code", "run")
    assert warehouse.publish(relation, table, {"as_of": MONDAY}, "two", "code", "run")
    assert warehouse.exists(relation)
    assert list(warehouse.columns(relation)) == ["as_of", f"c {ODD}"]
    assert rows(warehouse, relation, f"c {ODD}") == [(1,)]
    assert warehouse.fingerprint(relation, [f"c {ODD}"])
    warehouse.load(relation, pa.table({f"d {ODD}": [2]}))
    assert rows(warehouse, relation, f"d {ODD}") == [(2,)]


def failing_reader() -> pa.RecordBatchReader:
    schema = pa.schema([("value", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array(range(1000))], schema=schema)
        raise OSError("the disk went away")

    return pa.RecordBatchReader.from_batches(schema, batches())


def test_load_replaces_a_table_whole_or_not_at_all(warehouse: DuckDBWarehouse) -> None:
    relation = Relation(schema_name="raw", name="things")
    warehouse.load(relation, pa.table({"value": [1, 2]}))
    broken: Any = failing_reader()
    with pytest.raises(duckdb.Error, match="the disk went away"):
        warehouse.load(relation, broken)
    assert rows(warehouse, relation, "value") == [(1,), (2,)]
    warehouse.load(relation, pa.table({"other": ["a"]}))
    assert rows(warehouse, relation, "other") == [("a",)]
    assert tables(warehouse) == {"things"}


def test_the_fingerprint_follows_content_and_not_order(warehouse: DuckDBWarehouse) -> None:
    relation = Relation(schema_name="raw", name="things")

    def mark(names: list[str], numbers: list[int | None], columns: tuple[str, ...] = ("name", "number")) -> str:
        warehouse.load(relation, pa.table({"name": names, "number": pa.array(numbers, pa.int64()), "more": names}))
        return warehouse.fingerprint(relation, list(columns))

    first = mark(["a", "b", "c"], [1, 2, 3])
    assert mark(["c", "a", "b"], [3, 1, 2]) == first
    others = [
        mark(["a", "b", "c"], [1, 2, 4]),
        mark(["a", "b", "c"], [1, 2, None]),
        mark(["a", "b", "c"], [2, 1, 3]),
        mark(["a", "b"], [1, 2]),
        mark(["a", "b", "c", "c"], [1, 2, 3, 3]),
        mark(["a", "b", "c", "c", "c"], [1, 2, 3, 3, 3]),
        mark(["a", "b", "c", "b", "b"], [1, 2, 3, 2, 2]),
        mark(["a", "b", "c"], [1, 2, 3], ("name",)),
    ]
    assert len({first, *others}) == len(others) + 1


def test_a_stream_comes_in_bounded_batches_and_two_may_be_open(warehouse: DuckDBWarehouse) -> None:
    relation = Relation(schema_name="raw", name="things")
    warehouse.load(relation, pa.table({"value": range(10_000)}))
    query = rows_query(relation, ["value"])
    sizes, values = [], []
    for batch, beside in zip(warehouse.batches(query, 2048), warehouse.batches(query, 2048), strict=True):
        sizes.append(batch.num_rows)
        values += batch.column(0).to_pylist()
        assert batch.equals(beside)
        assert warehouse.exists(relation)
    assert max(sizes) <= 2048
    assert len(sizes) >= 5
    assert values == list(range(10_000))


def test_what_is_not_there_is_named_beside_what_is(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(Relation(schema_name="raw", name="things"), pa.table({"value": [1]}))
    missing = Relation(schema_name="raw", name="thigns")
    assert not warehouse.exists(missing)
    for ask in (lambda: warehouse.columns(missing), lambda: warehouse.fingerprint(missing, ["value"])):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert "raw.thigns" in str(caught.value)
        assert "raw.things" in str(caught.value)


@pytest.mark.parametrize(("name", "column"), [("thigns", "value"), ("things", "vlaue")])
def test_reading_what_is_not_there_says_so(warehouse: DuckDBWarehouse, name: str, column: str) -> None:
    warehouse.load(Relation(schema_name="raw", name="things"), pa.table({"value": [1]}))
    relation = Relation(schema_name="raw", name=name)
    query = exp.select(column_of(column)).from_(table_of(relation))
    wrong, there = (name, "things") if name == "thigns" else (column, "value")
    asks = (
        lambda: warehouse.read(query),
        lambda: list(warehouse.batches(query, 10)),
        lambda: warehouse.fingerprint(relation, [column]),
    )
    for ask in asks:
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert wrong in str(caught.value)
        assert there in str(caught.value)


HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_process_holds_says_who_to_close(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseError, match="open in another process") as caught:
            DuckDBWarehouse(path)
        other.stdin.close()
        assert other.wait(30) == 0
    assert str(path) in str(caught.value)
    assert "Close it" in str(caught.value)
    with DuckDBWarehouse(path):
        pass


def test_a_file_that_is_no_warehouse_is_named(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_text("not a database, but long enough to have a header" * 100)
    with pytest.raises(WarehouseError, match="cannot be opened") as caught:
        DuckDBWarehouse(path)
    assert str(path) in str(caught.value)
