"""The warehouse: streams out, atomic in."""

from basemodel_ops.settings import Settings
from basemodel_ops.warehouse.base import Warehouse

__all__ = ["Warehouse", "open_warehouse"]


def open_warehouse(settings: Settings) -> Warehouse:
    """A fresh connection to the warehouse of the settings' target; use it as a context manager."""
    if settings.target == "snowflake":
        from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeWarehouse.from_environment()
    from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(settings.warehouse_path, {"memory_limit": settings.duckdb_memory})
