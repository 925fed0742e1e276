"""What is DuckDB's alone: one process at a time, files that are no warehouse, streams that stay small."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of

ITEMS = Relation(schema_name="raw", name="things")


def values(warehouse: DuckDBWarehouse, column: str = "value") -> list[Any]:
    return warehouse.read(rows_query(ITEMS, [column])).column(0).to_pylist()


def failing_reader() -> pa.RecordBatchReader:
    schema = pa.schema([("value", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array(range(1000))], schema=schema)
        raise OSError("the disk went away")

    return pa.RecordBatchReader.from_batches(schema, batches())


def test_a_load_that_fails_half_way_leaves_the_table_as_it_was(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(ITEMS, pa.table({"value": [1, 2]}))
    broken: Any = failing_reader()
    with pytest.raises(WarehouseError, match="the disk went away"):
        warehouse.load(ITEMS, broken)
    assert values(warehouse) == [1, 2]
    warehouse.load(ITEMS, pa.table({"other": ["a"]}))
    assert values(warehouse, "other") == ["a"]


def test_a_reader_comes_in_batch_by_batch(warehouse: DuckDBWarehouse) -> None:
    reader: Any = pa.table({"value": list(range(5_000))}).to_reader(max_chunksize=100)
    warehouse.load(ITEMS, reader)
    assert values(warehouse) == list(range(5_000))


@pytest.mark.parametrize(("name", "column"), [("thigns", "value"), ("things", "vlaue")])
def test_a_name_that_is_nearly_right_is_told_the_right_one(warehouse: DuckDBWarehouse, name: str, column: str) -> None:
    warehouse.load(ITEMS, pa.table({"value": [1]}))
    relation = Relation(schema_name="raw", name=name)
    query = exp.select(column_of(column)).from_(table_of(relation))
    there = "things" if name == "thigns" else "value"
    for ask in (lambda: warehouse.read(query), lambda: warehouse.fingerprint(relation, [column])):
        with pytest.raises(WarehouseError, match="Build the dbt models") as caught:
            ask()
        assert there in str(caught.value)


HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """A process that has the file open, and what makes it close that and end."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        yield other, other.stdin.close


def test_a_file_is_waited_for_while_another_process_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with holder(path) as (other, release):
        closing = threading.Timer(0.5, release)
        closing.start()
        with DuckDBWarehouse(path):
            assert other.wait(30) == 0
        closing.join()


def test_a_file_that_another_process_holds_says_who_to_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("basemodel_ops.warehouse.duckdb.LOCK_TIMEOUT", 0.2)
    path = tmp_path / "warehouse.duckdb"
    with holder(path) as (other, release):
        with pytest.raises(WarehouseError, match="open in another process") as caught:
            DuckDBWarehouse(path)
        release()
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
