"""Where a warehouse is, how its partition is written in turns, and what a reader may see of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import LEDGER
from basemodel_ops.warehouse.duckdb import DuckDBWarehouse
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.queries import rows_query
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse
from basemodel_ops.warehouse.snowflake_settings import connection_settings
from basemodel_ops.warehouse.sql import SqlWarehouse
from basemodel_ops.warehouse.staging import STAGE_NAME

from .. import servers

SCORES = Relation(schema_name="answers", name="scores")
MONDAY = datetime(2024, 1, 1)
RETRY_POLICY = RetryPolicy(total=60, first=0.1, longest=2, response_timeout=60)


@dataclass(frozen=True)
class Outcome:
    """How often a fault was tried, and how often what came of it was wrong."""

    name: str
    warehouse: str
    tried: int
    bad: int

    def json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Location:
    """A warehouse of a kind: a file, a connection string, or the settings of a connector."""

    kind: str
    where: Any

    @contextmanager
    def open(self) -> Iterator[SqlWarehouse]:
        if self.kind == "duckdb":
            with DuckDBWarehouse(Path(self.where)) as warehouse:
                yield warehouse
        elif self.kind == "postgres":
            yield PostgresWarehouse(self.where, RETRY_POLICY)
        else:
            yield SnowflakeWarehouse(self.where, RETRY_POLICY)

    def settle(self) -> None:
        """Wait until the server has noticed that a killed client is gone."""
        if self.kind == "postgres":
            others = (
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
            with adbc.connect(self.where, autocommit=True) as connection, connection.cursor() as cursor:
                for _ in range(500):
                    cursor.execute(others)
                    if cursor.fetchall() == [(0,)]:
                        return
                    cursor.execute("select pg_sleep(0.02)")
                    cursor.fetchall()
            raise AssertionError("The sessions of a killed process live on.")


@contextmanager
def duckdb_location(folder: Path, name: str) -> Iterator[Location]:
    yield Location("duckdb", str(folder / f"{name}.duckdb"))


@contextmanager
def postgres_location(server: dict[str, str], name: str) -> Iterator[Location]:
    with servers.database(server, name) as variables:
        yield Location("postgres", servers.uri(variables))


def snowflake_location(server: dict[str, str], name: str) -> Location:
    settings = connection_settings(server | {"SNOWFLAKE_DATABASE": name.upper()})
    return Location("snowflake", settings | {"network_timeout": 10, "socket_timeout": 10, "login_timeout": 10})


def turn_rows(turn: int, count: int) -> pa.Table:
    """The rows of a turn: all carry its number, and there are as many as the turn says."""
    return pa.table({
        "as_of": pa.array([MONDAY] * (count + turn), pa.timestamp("us")), "client": list(range(count + turn)),
        "score": [float(turn)] * (count + turn),
    })  # fmt: skip


def publish(warehouse: SqlWarehouse, turn: int, count: int) -> bool:
    return warehouse.publish(SCORES, turn_rows(turn, count), {"as_of": MONDAY}, f"turn {turn}", "code", f"run {turn}")


def seen(warehouse: SqlWarehouse) -> tuple[int, set[float]]:
    """Rows of the partition, and the turns they are of."""
    result = warehouse.read(rows_query(SCORES, ["client", "score"]))
    return result.num_rows, set(result.column("score").to_pylist())


def is_whole(warehouse: SqlWarehouse, turns: set[int], count: int) -> bool:
    """Whether the partition is of one of the turns, all of it, and the ledger says of which."""
    rows, values = seen(warehouse)
    entries = warehouse.read(rows_query(LEDGER, ["table_name", "input_hash", "row_count", "run_id"])).to_pylist()
    if len(values) != 1 or len(entries) != 1:
        return False
    (turn,) = (int(value) for value in values)
    expected = {"table_name": str(SCORES), "input_hash": f"turn {turn}", "row_count": rows, "run_id": f"run {turn}"}
    return turn in turns and rows == count + turn and entries[0] == expected


def stages(warehouse: SqlWarehouse) -> int:
    """Stage tables that are there."""
    with warehouse._session() as session:
        return sum(STAGE_NAME.fullmatch(entry.name) is not None for entry in session.relations())
