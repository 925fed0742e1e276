"""The warehouse: streams out, atomic in."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from basemodel_ops.adapters import ADAPTERS, check_adapter
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
    if settings.kind == "duckdb":
        from basemodel_ops.warehouse.duckdb import DuckDBWarehouse

        return DuckDBWarehouse(settings.warehouse_path, {"memory_limit": settings.duckdb_memory})
    check_adapter(settings.kind, os.environ)
    module, _, name = ADAPTERS[settings.kind].warehouse.partition(":")
    return getattr(import_module(f"{__name__}.{module}"), name).from_environment()


def check_environment(target: str, environment: Mapping[str, str]) -> None:
    """SettingsError that names what a kind of warehouse needs and what is missing; connects to nothing."""
    check_adapter(target, environment)
    if target == "snowflake":
        from basemodel_ops.warehouse.snowflake_settings import connection_settings

        connection_settings(environment)
    elif target == "postgres":
        from basemodel_ops.warehouse.postgres import check_environment as check

        check(environment)
