"""PostgreSQL, through ADBC: Arrow in and out by COPY."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from types import TracebackType
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError, WarehouseError
from basemodel_ops.warehouse.arrow import unfit
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.session import Session, create_table
from basemodel_ops.warehouse.sql import SqlWarehouse

REQUIRED = ("PGHOST", "PGUSER", "PGDATABASE")
URI = (
    "postgresql://?connect_timeout=15&application_name=basemodel_ops"
    "&keepalives_idle=60&keepalives_interval=15&keepalives_count=8"
    "&options=-c%20timezone%3DUTC%20-c%20idle_session_timeout%3D0"
)
"""libpq reads the rest from `PG*` variables or a password file, so that no secret passes through here.

A publication's connection may be idle for long between two batches, while they are made.
"""
LONGEST_NAME = 63
NUMERIC = pa.decimal128(38, 9)
"""PostgreSQL does not tell the scale of a result; a value that does not fit is an error, never rounded."""
WRAPPED_MOMENT, WRAPPED_DATE = -(2**63) + 946_684_799_999_999, -(2**31) + 10_956
"""What the driver makes of `infinity`, the largest integer since 2000, as it counts on from 1970."""
BROKEN = ("08", "57P", "53300", "40001", "40P01")
"""SQLSTATE classes that a new connection may not meet: lost, shut down, too many, serialisation, deadlock."""


def check_environment(environment: Mapping[str, str]) -> None:
    """SettingsError that names every `PG*` variable that is missing, before any connection."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise SettingsError(
            f"The target is postgres, and these environment variables are missing: {', '.join(missing)}. "
            "Set them (libpq reads PGPORT, PGPASSWORD, PGPASSFILE and PGSSLMODE too), or set BASEMODEL_TARGET=duckdb."
        )


def _exactly(node: exp.Expr) -> exp.Expr:
    """PostgreSQL has no estimate of distinct values; it counts them."""
    return exp.Count(this=exp.Distinct(expressions=[node.this])) if isinstance(node, exp.ApproxDistinct) else node


class PostgresSession(Session):
    """One connection; each statement commits by itself outside of `begin` and `commit`."""

    dialect = "postgres"

    def __init__(self, connection: adbc.Connection) -> None:
        self._connection = connection

    def render(self, expression: exp.Expr) -> str:
        """PostgreSQL's dialect.

        Raises:
            WarehouseError: a name is longer than PostgreSQL keeps; it would be cut without a word.
        """
        for identifier in expression.find_all(exp.Identifier):
            if len(identifier.name.encode()) > LONGEST_NAME:
                raise WarehouseError(
                    f"The name {identifier.name!r} has {len(identifier.name.encode())} bytes, and PostgreSQL keeps "
                    f"{LONGEST_NAME}: give it a shorter one."
                )
        return expression.transform(_exactly).sql(self.dialect)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result; PostgreSQL decides how large its batches are."""
        cursor = self._connection.cursor()
        cursor.execute(self.render(query))
        reader = cursor.fetch_record_batch()
        schema = pa.schema([pa.field(field.name, _arrow_type(field.type)) for field in reader.schema])

        def batches() -> Iterator[pa.RecordBatch]:
            with cursor:
                for batch in reader:
                    columns = map(_column, batch.columns, schema)
                    yield pa.RecordBatch.from_arrays(list(columns), schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

    @staticmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """A hash of the row's text, in which PostgreSQL quotes values and marks nulls."""
        row = exp.cast(exp.Anonymous(this="ROW", expressions=[*map(column_of, columns)]), "text")
        return exp.func("hashtextextended", row, exp.Literal.number(0))

    @staticmethod
    def hashed_value(column: str) -> exp.Expr:
        """The same, of one value: it is a hash of its text."""
        return PostgresSession.hashed([column])

    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a stage table; a lock of this session says that its writer lives."""
        self._advisory("pg_advisory_lock", stage)
        self.rows(create_table(stage, columns))

    def append(self, stage: Relation, table: pa.Table) -> None:
        """Copy the rows into the stage table."""
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(stage.name, table, mode="append", db_schema_name=stage.schema_name)

    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Replace the rows where the columns stay: views may stand on the table. Else replace the table."""
        self.fill(stage, table)
        target, source = table_of(relation), table_of(stage)
        self.begin()
        try:
            if self.columns(relation) == self.columns(stage):
                names = table.column_names
                self.rows(exp.delete(target))
                chosen = exp.select(*map(column_of, names)).from_(source)
                self.rows(exp.insert(chosen, target, columns=[exp.to_identifier(name, quoted=True) for name in names]))
                self.rows(exp.Drop(tables=[source], kind="TABLE"))
            else:
                self.rows(exp.Drop(tables=[target], kind="TABLE", exists=True))
                name = exp.AlterRename(this=exp.table_(relation.name, quoted=True))
                self.rows(exp.Alter(this=source, kind="TABLE", actions=[name]))
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.adbc_connection.set_autocommit(False)

    def commit(self) -> None:
        """Commit it."""
        self._connection.commit()
        self._connection.adbc_connection.set_autocommit(True)

    def rollback(self) -> None:
        """Take it back; a lost connection took it back already."""
        try:
            self._connection.rollback()
            self._connection.adbc_connection.set_autocommit(True)
        except adbc_driver_manager.Error:
            return

    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Keep other writers of the table out: a second delete would not see rows that a first transaction inserted."""
        self.execute(f"lock table {self.render(table_of(relation))} in share row exclusive mode")

    def is_abandoned(self, stage: Relation) -> bool:
        """Whether no living session holds the stage's lock."""
        return self._advisory("pg_try_advisory_lock", stage) == [(True,)]

    def _advisory(self, function: str, stage: Relation) -> list[tuple[Any, ...]]:
        key = exp.func("hashtextextended", exp.Literal.string(str(stage)), exp.Literal.number(0))
        return self.rows(exp.select(exp.func(function, key)))

    def close(self) -> None:
        """Close the connection, and with it its locks."""
        self._connection.close()


class _Lent:
    """Stands for the database of a connection that is not to close it, as others are opened from it."""

    def close(self) -> None:
        """Leave it open."""


class PostgresWarehouse(SqlWarehouse):
    """A PostgreSQL database, from version 14."""

    session = PostgresSession
    errors = (adbc_driver_manager.Error,)

    def __init__(self, uri: str = URI, retry_policy: RetryPolicy | None = None) -> None:
        """Connect to nothing yet.

        Args:
            uri: libpq's; what it does not say comes from `PG*` variables.
            retry_policy: How long a broken connection is tried again.
        """
        super().__init__(retry_policy or RetryPolicy(response_timeout=120.0))
        self._uri = uri

    @classmethod
    def from_environment(cls) -> "PostgresWarehouse":
        """The database that `PG*` variables name; SettingsError if they do not."""
        check_environment(os.environ)
        return cls()

    def __str__(self) -> str:
        return "the PostgreSQL database"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget which types there are; a connection that nobody waits for any more may still use them."""
        if database := vars(self).pop("_database", None):
            with suppress(RuntimeError, adbc_driver_manager.Error):
                database.close()

    @cached_property
    def _database(self) -> adbc_driver_manager.AdbcDatabase:
        """What connections are opened from. It holds none, and asks for the columns of every table there is, once."""
        return adbc_driver_postgresql.connect(self._uri)

    def _connect(self) -> PostgresSession:
        opened = adbc_driver_manager.AdbcConnection(self._database)
        session = PostgresSession(adbc.Connection(_Lent(), opened, autocommit=True))  # pyright: ignore[reportArgumentType]
        session.execute("set time zone 'UTC'")  # a variable PGTZ of the host is stronger than the address
        return session

    def _is_passing(self, error: Exception) -> bool:
        if isinstance(error, adbc_driver_manager.Error):
            state = error.sqlstate or ""
            return state.startswith(BROKEN) or (not state and isinstance(error, adbc_driver_manager.OperationalError))
        return isinstance(error, OSError)

    def _is_missing(self, error: Exception) -> bool:
        return isinstance(error, adbc_driver_manager.Error) and error.sqlstate in ("42P01", "42703", "3F000")


def _arrow_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.OpaqueType):
        return NUMERIC if kind.type_name == "numeric" else kind.storage_type
    return pa.string() if isinstance(kind, (pa.UuidType, pa.JsonType)) else kind


def _column(column: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return _finite(column, pa.int64(), WRAPPED_MOMENT)
    if pa.types.is_date32(column.type):
        return _finite(column, pa.int32(), WRAPPED_DATE)
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    if isinstance(column.type, pa.JsonType):
        return column.storage.cast(pa.string())
    if not isinstance(column.type, pa.OpaqueType):
        return column
    described = column.storage
    if pa.types.is_decimal(field.type):  # which no decimal holds: unknown, as they are among floats
        endless = pc.match_substring_regex(described, "(?i)nan|inf")
        described = pc.if_else(endless, pa.scalar(None, described.type), described)
    try:
        return described.cast(field.type)
    except pa.ArrowException as error:
        raise unfit(field.name, pa.string(), field.type) from error


def _finite(column: pa.Array, full: pa.DataType, wrapped: int) -> pa.Array:
    """The column with `infinity` at the end of time, not before its beginning."""
    plain = column.cast(full)
    last = pc.equal(plain, pa.scalar(wrapped, full))
    if not pc.any(last).as_py():
        return column
    end = pa.scalar(2 ** (full.bit_width - 1) - 1, full)
    return pc.if_else(last, end, plain).cast(column.type)
