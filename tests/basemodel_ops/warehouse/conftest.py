import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse
from basemodel_ops.warehouse.snowflake_settings import connection_settings
from basemodel_ops.warehouse.sql import SqlWarehouse

from ... import servers
from . import bigquery_standin, databricks_standin

bigquery_standin.install()
databricks_standin.install()
from basemodel_ops.warehouse.bigquery import BigQuerySession, BigQueryWarehouse  # noqa: E402 - Google's, or its stand-in
from basemodel_ops.warehouse.databricks import DatabricksSession, DatabricksWarehouse  # noqa: E402

KINDS = ("duckdb", "postgres", "snowflake", "bigquery", "databricks")
NUMBERS = itertools.count()
RETRY_POLICY = RetryPolicy(total=20, first=0.05, longest=0.5, response_timeout=30)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def snowflake_warehouse(variables: dict[str, str], database: str) -> SnowflakeWarehouse:
    """A database of its own: fakesnow makes one when it is named."""
    settings = connection_settings(variables | {"SNOWFLAKE_DATABASE": database})
    return SnowflakeWarehouse(settings | {"network_timeout": 5}, RETRY_POLICY)


class StandInBigQuery(BigQueryWarehouse):
    """BigQuery without Google."""

    def __init__(self) -> None:
        super().__init__("tests", "EU", RETRY_POLICY)
        self.server = bigquery_standin.Server()

    def _connect(self) -> BigQuerySession:
        return BigQuerySession(bigquery_standin.Client(self.server))


class StandInDatabricks(DatabricksWarehouse):
    """Databricks without Databricks."""

    def __init__(self) -> None:
        super().__init__({"catalog": "tests"}, RETRY_POLICY)
        self.server = databricks_standin.Server()

    def _connect(self) -> DatabricksSession:
        return DatabricksSession(databricks_standin.Connection(self.server), "tests")


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlWarehouse]:
    """An empty warehouse of each kind."""
    name = f"tests_{next(NUMBERS)}"
    if request.param == "duckdb":
        with DuckDBWarehouse(tmp_path / "warehouse.duckdb") as opened:
            yield opened
    elif request.param == "postgres":
        with servers.database(request.getfixturevalue("postgres_server"), name) as variables:
            yield PostgresWarehouse(servers.uri(variables), RETRY_POLICY)
    elif request.param == "bigquery":
        yield StandInBigQuery()
    elif request.param == "databricks":
        yield StandInDatabricks()
    else:
        yield snowflake_warehouse(request.getfixturevalue("snowflake_server"), name.upper())


def fakesnow_gap(error: type[BaseException], text: str, **others: str) -> pytest.MarkDecorator:
    """All kinds, of which fakesnow, and others by their names, are known to fail so; marks must go when they pass."""
    return gaps(error, snowflake=f"fakesnow 0.12.1: {text}", **others)


def gaps(error: type[BaseException], **reasons: str) -> pytest.MarkDecorator:
    """All kinds, of which some are known to fail with this error."""
    xfails = {kind: pytest.mark.xfail(raises=error, strict=True, reason=reason) for kind, reason in reasons.items()}
    kinds = [pytest.param(kind, marks=xfails[kind]) if kind in xfails else kind for kind in KINDS]
    return pytest.mark.parametrize("backend", kinds, indirect=True)
