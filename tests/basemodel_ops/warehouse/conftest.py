from collections.abc import Iterator
from pathlib import Path

import pytest

from basemodel_ops.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened
