"""Any string as a name or a value: it works with exactly that string, or a clear error; nothing else is touched."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings

from basemodel_ops.audit import AuditLog
from basemodel_ops.contract.types import Contract, EventSource, Grid, Relation
from basemodel_ops.errors import BaseModelError, WarehouseError
from basemodel_ops.names import identifier_fault
from basemodel_ops.warehouse.audited import Audited
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import counts_query, entities_query, events_query, rows_query, sample_query

from ..hostile import NASTY, SENTINEL, strings

MONDAY = datetime(2024, 1, 1)
ROWS = {"x": [42, 43]}
GRID = Grid(relation=Relation(schema_name="g", name="g"), cutoff="c", data_end="d", start=date(2024, 1, 1), now=None)

examples = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass
class Schema:
    """A warehouse with a sentinel table, and tables of other names with which none may be mixed up."""

    warehouse: Audited
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self) -> str:
        return f"fresh_{next(self.numbers)}"

    def check(self) -> None:
        schema, name = SENTINEL.split(".")
        relation = Relation(schema_name=schema, name=name)
        assert self.warehouse.read(rows_query(relation, ["x"])).to_pydict() == ROWS


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schema]:
    home = tmp_path_factory.mktemp("home")
    contract = Contract(entity="p", events=(), attributes=(), tasks=(), grid=GRID)
    with DuckDBWarehouse(home / "warehouse.duckdb") as warehouse:
        schema, name = SENTINEL.split(".")
        warehouse.load(Relation(schema_name=schema, name=name), pa.table(ROWS))
        created = Schema(Audited(warehouse, AuditLog(home), contract, "run"))
        yield created
        created.check()


def table_of_column(column: str) -> pa.Table:
    return pa.table({column: ["a", "b"], "as_of": pa.array([MONDAY] * 2, pa.timestamp("us"))})


def use(location: Schema, relation: Relation, column: str) -> None:
    """Everything a stage does with a table, which must then hold exactly this column under exactly this name."""
    warehouse = location.warehouse
    warehouse.load(relation, table_of_column(column))
    assert warehouse.exists(relation)
    assert list(warehouse.columns(relation)) == [column, "as_of"]
    query = rows_query(relation, [column])
    assert warehouse.read(query).to_pydict() == {column: ["a", "b"]}
    assert [name for batch in warehouse.batches(query, 1) for name in batch.column(0).to_pylist()] == ["a", "b"]
    first = warehouse.fingerprint(relation, [column])
    assert warehouse.publish(relation, table_of_column(column).slice(1), {"as_of": MONDAY}, "h", "c", "r")
    assert warehouse.fingerprint(relation, [column]) != first
    source = EventSource(name="s", relation=relation, entity=column, time="as_of", session=None, columns=())
    complete = Contract(entity=column, events=(source,), attributes=(), tasks=(), grid=GRID)
    later = datetime(2024, 1, 2)
    assert warehouse.read(events_query(source, [], later)).column(0).to_pylist() == ["b"]
    assert warehouse.read(entities_query(complete, later)).to_pydict() == {"entity": ["b"]}
    assert warehouse.read(counts_query(source, column, later)).to_pydict() == {"value": ["b"], "count": [1]}
    assert warehouse.read(sample_query(relation, [column], 5)).to_pydict() == {column: ["b"]}


@pytest.mark.parametrize("role", ["schema", "table", "column"])
@given(name=strings)
@examples
def test_a_name_works_as_it_is_or_is_refused(location: Schema, role: str, name: str) -> None:
    assume(role != "column" or identifier_fault(name) != "is no Unicode text")  # Arrow has no such column
    refusal: Exception | None = None
    try:
        relation = Relation(
            schema_name=name if role == "schema" else "odd", name=name if role == "table" else location.fresh()
        )
        use(location, relation, name if role == "column" else "plain")
    except (WarehouseError, duckdb.Error) as error:
        refusal = error
    location.check()
    if isinstance(refusal, duckdb.Error):  # a name that DuckDB keeps to itself, or that the table has already
        assert name.lower() in ("as_of", "temp", "system", "pg_catalog", "information_schema"), refusal
    elif refusal is not None:
        assert identifier_fault(name), name
        assert repr(name) in str(refusal)
        assert "Rename it" in str(refusal)


@pytest.mark.parametrize("name", NASTY)
def test_a_relation_of_any_name_is_said_not_to_be_there(location: Schema, name: str) -> None:
    with pytest.raises(BaseModelError):
        location.warehouse.columns(Relation(schema_name="nowhere", name=name))
    location.check()


@given(text=strings)
@examples
def test_a_value_is_a_value_wherever_it_stands(location: Schema, text: str) -> None:
    """As a partition, as hashes and run in the ledger, and as what is read back."""
    relation = Relation(schema_name="values", name=location.fresh())
    table = {"part": [text, text], "n": [1, 2]}
    refusal: Exception | None = None
    try:
        arrow = pa.table(table)
        arguments: tuple[Any, ...] = (relation, arrow, {"part": text}, f"hash {text}", f"code {text}", f"run {text}")
        assert location.warehouse.publish(*arguments)
        assert not location.warehouse.publish(*arguments)
        names = ["table_name", "input_hash", "code_version", "run_id"]
        ledger = location.warehouse.read(rows_query(LEDGER, names)).to_pylist()
        assert dict(zip(names, (str(relation), *arguments[3:]), strict=True)) in ledger
        assert location.warehouse.read(rows_query(relation, ["part", "n"])).to_pydict() == table
    except (BaseModelError, UnicodeEncodeError) as error:
        refusal = error
    location.check()
    if refusal is not None:
        assert identifier_fault(text) == "is no Unicode text", refusal


def test_the_log_of_all_this_holds(location: Schema) -> None:
    home: Path = location.warehouse._log.path.parent
    assert AuditLog(home).verify().entries > 50
