"""Names of columns in other capitals than the warehouse has them: read where it does not mind, named where it does."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of
from basemodel_ops.warehouse.sql import SqlWarehouse

from .. import servers
from ..basemodel_ops.manifests import hospital, model, read

NAME = "clinics: the warehouse has what is declared"


def declared(tmp_path: Path, warehouse: SqlWarehouse) -> str:
    """What is said of a model that declares `Town` and whose table was made with `town`; empty where nothing is."""
    models = hospital()
    models["clinics"] = model({"attribute": {"key": "clinic_id"}}, {"clinic_id": "bigint", "Town": "varchar"})
    warehouse.load(Relation(schema_name="main", name="clinics"), pa.table({"clinic_id": [0], "town": ["Ulm"]}))
    result = {entry.name: entry for entry in preflight(warehouse, read(tmp_path, models), datetime(2024, 2, 1))}
    return "" if result[NAME].passed else result[NAME].description


def test_duckdb_reads_a_column_in_any_capitals(tmp_path: Path) -> None:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as warehouse:
        assert declared(tmp_path, warehouse) == ""
        query = rows_query(Relation(schema_name="main", name="clinics"), ["Town"])
        assert warehouse.read(query).column(0).to_pylist() == ["Ulm"]


def test_postgres_names_both_spellings_before_a_query_fails(tmp_path: Path, postgres_server: dict[str, str]) -> None:
    with servers.database(postgres_server, "spelling") as variables:
        message = declared(tmp_path, PostgresWarehouse(servers.uri(variables)))
    for word in ("main.clinics", "'Town'", "'town'", "quote: true"):
        assert word in message


@pytest.mark.parametrize("dialect", ["snowflake"])
def test_a_table_of_another_database_is_asked_there(dialect: str) -> None:
    there = Relation(database="other", schema_name="behavior", name="visits")
    query = rows_query(there, ["patient"]).sql(dialect)
    assert '"other"."behavior"."visits"' in query
    assert table_of(there).catalog == "other"
    assert column_of("patient").sql(dialect) == '"patient"'
