"""The production warehouse, through Snowflake's own connector."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import snowflake.connector
from snowflake.connector import errors as snowflake_errors
from snowflake.connector.constants import FIELD_ID_TO_NAME
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.arrow import fitted
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.session import Session, create_table
from basemodel_ops.warehouse.snowflake_settings import connection_settings
from basemodel_ops.warehouse.sql import SqlWarehouse
from basemodel_ops.warehouse.staging import drop, stage_age
from basemodel_ops.warehouse.values import portable_values

STAGE_HOURS = 24
"""A stage table this old belongs to a run that is gone: Snowflake has no lock that would say so sooner."""
FILE_BYTES = 128 * 2**20
"""Files of this size are sent: Snowflake loads files of 100 to 250 MB best."""
ARROW_TYPES = {
    "REAL": pa.float64(), "TEXT": pa.string(), "DATE": pa.date32(), "BOOLEAN": pa.bool_(), "BINARY": pa.binary(),
    "TIMESTAMP_NTZ": pa.timestamp("us"), "TIMESTAMP_LTZ": pa.timestamp("us"), "TIMESTAMP_TZ": pa.timestamp("us"),
    "TIME": pa.time64("ns"),
}  # fmt: skip
MISSING = (2003, 904, 2043)
"""No such object, invalid identifier."""
EXPIRED = (390111, 390112, 390114, 390195)
"""The session or its token is over."""

PASSING = (
    snowflake_errors.OperationalError, snowflake_errors.InterfaceError, snowflake_errors.InternalServerError,
    snowflake_errors.BadGatewayError, snowflake_errors.ServiceUnavailableError, snowflake_errors.GatewayTimeoutError,
    snowflake_errors.RequestTimeoutError, snowflake_errors.OtherHTTPRetryableError, snowflake_errors.TooManyRequests,
    snowflake_errors.RequestExceedMaxRetryError, snowflake_errors.TokenExpiredError,
)  # fmt: skip


class SnowflakeSession(Session):
    """One session; names are upper case there, as dbt creates them unquoted."""

    dialect = "snowflake"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._part: _Part | None = None

    def render(self, expression: exp.Expr) -> str:
        """Snowflake's dialect, identifiers in upper case and quoted."""
        upper = expression.copy()
        for identifier in upper.find_all(exp.Identifier):
            identifier.set("this", identifier.this.upper())
        return upper.sql("snowflake")

    def spelled(self, name: str) -> str:
        """Upper case."""
        return name.upper()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column, names in lower case; empty when there is no such relation."""
        return {name.lower(): kind for name, kind in super().columns(relation).items()}

    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result, chunk by chunk as Snowflake stores it; chunks ahead are fetched by prefetch threads."""
        cursor = self._connection.cursor()
        cursor.execute(self.render(query))
        schema = pa.schema([pa.field(column.name.lower(), _arrow_type(column)) for column in cursor.description])

        def batches() -> Iterator[pa.RecordBatch]:
            with cursor:
                for chunk in cursor.fetch_arrow_batches():
                    # Integers come as wide as their chunk needs, moments in nanoseconds: one schema for all.
                    yield from fitted(portable_values(chunk.rename_columns(schema.names)), schema).to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    @staticmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """Snowflake's own hash of a row."""
        return exp.Anonymous(this="HASH", expressions=[*map(column_of, columns)])

    @staticmethod
    def hashed_value(column: str) -> exp.Expr:
        """Snowflake's own hash of the value's text."""
        return exp.Anonymous(this="HASH", expressions=[exp.cast(column_of(column), "text")])

    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a transient table, and beside it a place for files that ends with the session."""
        self.rows(create_table(stage, columns, exp.TransientProperty()))
        self.execute(f"create temporary stage {self.render(table_of(stage))}")

    def append(self, stage: Relation, table: pa.Table) -> None:
        """Write the rows into a Parquet file here, and send it off when it is large."""
        upper = table.rename_columns([name.upper() for name in table.column_names])
        self._part = self._part or _Part(upper.schema)
        if self._part.write(upper) >= FILE_BYTES:
            self._put(stage)

    def _put(self, stage: Relation) -> None:
        part, self._part = self._part, None
        if part is not None:
            with part as path:
                folder_path = exp.Literal.string(path.as_uri()).sql(self.dialect)
                self.execute(f"put {folder_path} @{self.render(table_of(stage))} auto_compress = false")

    def close_stage(self, stage: Relation) -> None:
        """Send the last file, copy all of them into the stage table, and remove them."""
        self._put(stage)
        files = self.render(table_of(stage))
        self.execute(
            f"copy into {files} from @{files} file_format = (type = parquet use_logical_type = true) "
            "match_by_column_name = case_insensitive purge = true"
        )

    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Fill a stage, then replace the table by its rows in one statement: transient tables have no lasting clone."""
        self.fill(stage, table)
        names = exp.select(*map(column_of, table.column_names)).from_(table_of(stage))
        self.execute(f"create or replace table {self.render(table_of(relation))} as {self.render(names)}")
        drop(self, stage)

    def begin(self) -> None:
        """Begin a transaction."""
        self.execute("begin")

    def commit(self) -> None:
        """Commit it."""
        self.execute("commit")

    def rollback(self) -> None:
        """Take it back; a lost session takes it back by itself."""
        try:
            self.execute("rollback")
        except snowflake_errors.Error:
            return

    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Change the partition's ledger row to itself: Snowflake holds a table's changed rows until the commit."""
        same = exp.EQ(this=column_of("run_id"), expression=column_of("run_id"))
        self.rows(exp.Update(this=table_of(self.ledger), expressions=[same], where=exp.Where(this=entry)))

    def is_abandoned(self, stage: Relation) -> bool:
        """Whether it is older than any run."""
        return stage_age(stage) > STAGE_HOURS * 3600

    def close(self) -> None:
        """End the session, and with it the files on their way."""
        if self._part is not None:
            self._part.drop()
        self._connection.close()


class _Part:
    """A Parquet file that grows here until it is sent."""

    def __init__(self, schema: pa.Schema) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / f"{secrets.token_hex(8)}.parquet"
        self._writer = pq.ParquetWriter(self._path, schema)

    def write(self, table: pa.Table) -> int:
        """Add rows; returns the bytes of the file so far."""
        self._writer.write_table(table)
        return self._path.stat().st_size

    def __enter__(self) -> Path:
        """The finished file, until the block ends."""
        self._writer.close()
        return self._path

    def __exit__(self, *unused: object) -> None:
        """Remove it."""
        self._folder.cleanup()

    def drop(self) -> None:
        """Remove it, finished or not."""
        self._writer.close()
        self._folder.cleanup()


class SnowflakeWarehouse(SqlWarehouse):
    """A Snowflake database."""

    session = SnowflakeSession
    errors = (snowflake_errors.Error,)

    def __init__(self, settings: dict[str, Any], retry_policy: RetryPolicy | None = None) -> None:
        """Connect to nothing yet.

        Args:
            settings: The connector's own, as `connection_settings` makes them.
            retry_policy: How long a broken connection is tried again.
        """
        super().__init__(retry_policy)
        self._settings = settings

    @classmethod
    def from_environment(cls) -> "SnowflakeWarehouse":
        """The database that `SNOWFLAKE_*` variables name; SettingsError if they do not."""
        return cls(connection_settings(os.environ))

    def __str__(self) -> str:
        return f"the Snowflake database {self._settings['database']}"

    def _connect(self) -> SnowflakeSession:
        return SnowflakeSession(snowflake.connector.connect(**self._settings))

    def _is_passing(self, error: Exception) -> bool:
        if isinstance(error, snowflake_errors.Error):
            return error.errno in EXPIRED or isinstance(error, PASSING)
        return isinstance(error, OSError)

    def _is_missing(self, error: Exception) -> bool:
        return isinstance(error, snowflake_errors.ProgrammingError) and error.errno in MISSING


def _arrow_type(column: Any) -> pa.DataType:
    kind = FIELD_ID_TO_NAME[column.type_code]
    if kind == "FIXED":
        return pa.int64() if not column.scale else pa.decimal128(column.precision, column.scale)
    return ARROW_TYPES.get(kind, pa.string())
