"""The warehouse: streams out, atomic in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from basemodel_ops.settings import Settings

if TYPE_CHECKING:  # Arrow and sqlglot are loaded when a warehouse is opened
    from basemodel_ops.warehouse.base import Warehouse
    from basemodel_ops.warehouse.sql import SqlWarehouse

__all__ = ["check_environment", "open_warehouse"]


def open_warehouse(settings: Settings) -> "Warehouse":
    """The warehouse of the settings' target; use it as a context manager."""
    from basemodel_ops.warehouse.base import ledger_of

    warehouse = _opened(settings)
    warehouse.ledger = ledger_of(settings.answers_schema)
    return warehouse


def _opened(settings: Settings) -> "SqlWarehouse":
    if settings.kind == "snowflake":
        from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeWarehouse.from_environment()
    if settings.kind == "postgres":
        from basemodel_ops.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse.from_environment()
    from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(settings.warehouse_path, {"memory_limit": settings.duckdb_memory})


def check_environment(target: str, environment: Mapping[str, str]) -> None:
    """SettingsError that names the variables which a target needs and which are missing; connects to nothing."""
    if target == "snowflake":
        from basemodel_ops.warehouse.snowflake_settings import connection_settings

        connection_settings(environment)
    elif target == "postgres":
        from basemodel_ops.warehouse.postgres import check_environment as check

        check(environment)
