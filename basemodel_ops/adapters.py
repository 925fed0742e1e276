"""Kinds of warehouses, by the type of dbt's adapter: how each is reached, and what of it is secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal

from basemodel_ops.errors import SettingsError

AdapterName = Literal["duckdb", "postgres", "snowflake", "bigquery", "databricks"]


@dataclass(frozen=True)
class Adapter:
    """One kind of warehouse. Nothing of it is imported before one is opened."""

    warehouse: str
    """Module of `basemodel_ops.warehouse` and class in it, `module:Class`."""
    title: str
    """What answers are said to be in."""
    database: str = ""
    """The variable that names the database which is read."""
    locations: Mapping[str, str] = field(default_factory=dict)
    """What a profile says of where a target writes to, and the variables by which it is read."""
    required: tuple[str, ...] = ()
    """Variables without which nothing is reached; those of PostgreSQL and Snowflake are checked by their modules."""
    secrets: tuple[str, ...] = ()
    """Variables that `<name>_FILE` may stand for."""
    files: tuple[str, ...] = ()
    """Variables that name a file which a client reads itself, some without a word when it is missing."""
    client: str = ""
    """The module of an official client that comes with the extra of the adapter's name."""
    reads_other_databases: bool = False


ADAPTERS: dict[str, Adapter] = {
    "duckdb": Adapter("duckdb:DuckDBWarehouse", "the DuckDB file"),
    "postgres": Adapter(
        "postgres:PostgresWarehouse",
        "the PostgreSQL database",
        "PGDATABASE",
        {"host": "PGHOST", "dbname": "PGDATABASE", "database": "PGDATABASE"},
        secrets=("PGPASSWORD",),
        files=("PGPASSFILE",),
    ),
    "snowflake": Adapter(
        "snowflake:SnowflakeWarehouse",
        "the Snowflake database",
        "SNOWFLAKE_DATABASE",
        {"account": "SNOWFLAKE_ACCOUNT", "database": "SNOWFLAKE_DATABASE"},
        secrets=("SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        files=("SNOWFLAKE_PRIVATE_KEY_PATH",),
        reads_other_databases=True,
    ),
    "bigquery": Adapter(
        "bigquery:BigQueryWarehouse",
        "the BigQuery project",
        "GOOGLE_CLOUD_PROJECT",
        {"project": "GOOGLE_CLOUD_PROJECT", "database": "GOOGLE_CLOUD_PROJECT", "location": "BIGQUERY_LOCATION"},
        # Without a location Google means the US: a session is bound to its own, and finds no table of another.
        required=("GOOGLE_CLOUD_PROJECT", "BIGQUERY_LOCATION"),
        files=("GOOGLE_APPLICATION_CREDENTIALS",),
        client="google.cloud.bigquery",
        reads_other_databases=True,
    ),
    "databricks": Adapter(
        "databricks:DatabricksWarehouse",
        "the Databricks catalog",
        "DATABRICKS_CATALOG",
        {"host": "DATABRICKS_HOST", "http_path": "DATABRICKS_HTTP_PATH", "catalog": "DATABRICKS_CATALOG"},
        required=("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH", "DATABRICKS_CATALOG", "DATABRICKS_TOKEN"),
        secrets=("DATABRICKS_TOKEN",),
        client="databricks.sql",
        reads_other_databases=True,
    ),
}
"""A new kind is an entry here, its module in `warehouse`, and its target and macros in the dbt project."""


def check_adapter(name: str, environment: Mapping[str, str]) -> None:
    """SettingsError that names the extra or the variables which a kind of warehouse needs and which are missing."""
    adapter = ADAPTERS[name]
    if adapter.client and not _is_installed(adapter.client):
        raise SettingsError(
            f"The target is {name}, and its client {adapter.client} is not installed. Install it: "
            f"`pip install 'basemodel-ops[{name}]'`, or set BASEMODEL_TARGET=duckdb."
        )
    missing = [variable for variable in adapter.required if not environment.get(variable)]
    if missing:
        raise SettingsError(
            f"The target is {name}, and these environment variables are missing: {', '.join(missing)}. Set them, or "
            "set BASEMODEL_TARGET=duckdb."
        )


def reads_others(name: str) -> bool:
    """Whether a connection to a kind of warehouse reads other databases than its own."""
    return name in ADAPTERS and ADAPTERS[name].reads_other_databases


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # a package above it is not there, or is no package
        return False
