"""What Dagster shows of tables of answers is what the warehouse holds, and lineage leads to where values come from."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.answers import TABLES
from dagster_project.definitions import build
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.lib.project import Project, load_project

from .conftest import Run

Metadata = dict[str, Any]


@pytest.fixture(scope="module")
def project(visits: Run) -> Project:
    return load_project(visits.settings)


@pytest.fixture(scope="module")
def specs(project: Project) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build(project).resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def materializations(visits: Run) -> dict[str, Metadata]:
    """The metadata of the newest materialisation of each table of answers, and its partition."""
    with dg.DagsterInstance.from_config(str(visits.settings.home / "dagster")) as instance:
        events = {key: instance.get_latest_materialization_event(key) for key in instance.all_asset_keys()}
        result = {key: event.asset_materialization for key, event in events.items() if event is not None}
    return {
        key.to_user_string(): {**entry.metadata, "partition": entry.partition}
        for key, entry in result.items()
        if entry is not None and "dagster/column_schema" in entry.metadata
    }


@pytest.fixture(scope="module")
def names(specs: dict[str, dg.AssetSpec]) -> dict[str, str]:
    """The name of the table of each asset that has one, as Dagster shows it."""
    return {key: spec.metadata["dagster/table_name"] for key, spec in specs.items() if _is_table(spec)}


def _is_table(spec: dg.AssetSpec) -> bool:
    return "dagster/table_name" in spec.metadata


@pytest.fixture
def connection(visits: Run) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(visits.settings.warehouse_path), read_only=True) as opened:
        yield opened


def test_every_table_of_answers_is_told_of(
    visits: Run, materializations: dict[str, Metadata], names: dict[str, str]
) -> None:
    tables = {f"warehouse.basemodel.{name}" for (name,) in visits.rows(
        "select table_name from information_schema.tables where table_schema = 'basemodel'"
    )}  # fmt: skip
    neighbour = {
        f"warehouse.{label.split()[0]}"
        for described in materializations.values()
        for label in described
        if label.endswith(" columns")
    }
    assert {names[key] for key in materializations} | neighbour == {
        name for name in tables if not name.endswith((".ledger", ".owner"))
    }


def test_columns_are_those_of_the_table_in_their_order_types_and_all_described(
    materializations: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    for key, details in materializations.items():
        schemas = {names[key]: details["dagster/column_schema"]}
        schemas |= {label.split()[0]: value for label, value in details.items() if label.endswith(" columns")}
        for table, schema in schemas.items():
            shown = [(column.name, _type(column.type)) for column in schema.value.columns]
            described = connection.execute(f"describe {table}").fetchall()
            assert shown == [(name, _type(kind)) for name, kind, *_ in described], table
            assert not [column.name for column in schema.value.columns if not column.description], table


def _type(text: str) -> exp.DataType:
    return exp.DataType.build(text, dialect="duckdb")


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("bigquery", ["timestamp", "string", "float64", "bignumeric(38, 10)"]),
        ("databricks", ["timestamp", "string", "double", "decimal(38, 10)"]),
        ("postgres", ["timestamp", "text", "double precision", "decimal(38, 10)"]),
    ],
)
def test_types_are_those_that_the_warehouse_makes(kind: str, types: list[str]) -> None:
    elsewhere: Any = SimpleNamespace(settings=SimpleNamespace(kind=kind))
    words = TABLES["scores"]
    kinds = [pa.timestamp("us"), pa.string(), pa.float64(), pa.decimal128(38, 10)]
    schema = pa.schema(list(zip(("as_of", "run_id", "score", "patient"), kinds, strict=True)))
    shown = TableAsset(elsewhere, dg.AssetKey("scores"), "scores", words, "patient")._columns(schema, words)
    assert [column.type for column in shown.columns] == types


def test_rows_are_those_of_the_partition_and_of_the_table(
    materializations: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    for key, described in materializations.items():
        counts = "select count(*) from {}"
        ((rows,),) = connection.execute(counts.format(names[key])).fetchall()
        assert described["dagster/row_count"].value == rows, key
        if described["partition"] is not None:
            newest = f"(select * from {names[key]} where as_of = '{described['partition']}')"
            ((rows,),) = connection.execute(counts.format(newest)).fetchall()
        assert described["dagster/partition_row_count"].value == rows, key


def test_values_stand_in_the_columns_that_they_are_said_to_come_from(
    materializations: dict[str, Metadata], names: dict[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    compared = 0
    for key, described in materializations.items():
        for column, sources in described["dagster/column_lineage"].value.deps_by_column.items():
            above = " union all ".join(
                f'select "{source.column_name}" from {names[source.asset_key.to_user_string()]}' for source in sources
            )
            lost = f'select "{column}" from {names[key]} where "{column}" is not null and "{column}" not in ({above})'
            assert connection.execute(lost).fetchall() == [], (key, column)
            compared += 1
        assert described["dagster/column_lineage"].value.deps_by_column, key
    assert compared > 12
