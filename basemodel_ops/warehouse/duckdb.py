"""The embedded default warehouse: one DuckDB file."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb_log import complete_length, is_held, log_of
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.session import Session, create_table
from basemodel_ops.warehouse.sql import SqlWarehouse

INCOMING = "basemodel_incoming"

LOCK_TIMEOUT, PAUSE = 30.0, 0.1
"""Seconds for which a file that another process has open is tried again, and between two tries."""

BIGINT = exp.DataType.build("bigint")


class DuckDBSession(Session):
    """A cursor: an open reader blocks its connection, so each call gets one of its own."""

    dialect = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""
        return self._connection.execute(sql).fetchall()

    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result in batches of about `rows`."""
        # `sql` streams; `execute` would hold the whole result.
        return self._connection.sql(self.render(query)).to_arrow_reader(rows)

    @staticmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """DuckDB's own hash of a row."""
        return exp.func("hash", *map(column_of, columns))

    @staticmethod
    def hashed_value(column: str) -> exp.Expr:
        """DuckDB's own hash of the value as a number, or of its text where it is none."""
        # Numbers are hashed as numbers, five times as fast as their texts. Which branch it is, is known before any row
        # is read; the tests of a text's beginning and length keep casts that fail, which are slow, from most texts.
        text, number = exp.cast(column_of(column), "text"), exp.TryCast(this=column_of(column), to=BIGINT)
        as_text = exp.func("hash", text)
        as_number = exp.case().when(number.is_(exp.null()), as_text).else_(exp.func("hash", number))
        may_be_number = exp.and_(
            exp.LT(this=text, expression=exp.Literal.string(":")),
            exp.LT(this=exp.func("length", text), expression=exp.Literal.number(20)),
        )
        is_text = exp.Anonymous(this="typeof", expressions=[column_of(column)]).eq(exp.Literal.string("VARCHAR"))
        texts = exp.case().when(may_be_number, as_number).else_(as_text)
        return exp.case().when(is_text, texts).else_(as_number)

    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a stage table in a transaction of its own: until it ends, rows go into the file and into no log."""
        self._connection.begin()
        self.rows(create_table(stage, columns))

    def append(self, stage: Relation, table: pa.Table) -> None:
        """Insert the rows."""
        index, names = self.render(table_of(stage)), self.render(_names(table))
        # A replacement scan finds the rows by the name of this variable. A registered view would keep them in memory
        # until the transaction ends.
        basemodel_incoming = table  # noqa: F841 # pyright: ignore[reportUnusedVariable]
        self._connection.execute(f"insert into {index} {names}")

    def close_stage(self, stage: Relation) -> None:
        """Commit the rows of the stage."""
        self._connection.commit()

    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Create or replace a whole table in one statement; no stage is needed."""
        self._connection.register(INCOMING, table)
        try:
            names = self.render(_names(table))
            self._connection.execute(f"create or replace table {self.render(table_of(relation))} as {names}")
        finally:
            self._connection.unregister(INCOMING)

    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.begin()

    def commit(self) -> None:
        """Commit it."""
        self._connection.commit()

    def rollback(self) -> None:
        """Take it back; a transaction that failed to commit is gone already."""
        try:
            self._connection.rollback()
        except duckdb.TransactionException:
            return

    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Nothing to do: the file keeps other processes out, and `DuckDBWarehouse` other threads."""

    def is_abandoned(self, stage: Relation) -> bool:
        """Always: none but this process writes, and a living stage is seen only by a writer who holds its lock."""
        return True

    def after_commit(self) -> None:
        """Move what was committed out of the log and into the file, so that no log has to be replayed."""
        # While a reader is open it cannot be moved; it is when the file is closed.
        with suppress(duckdb.TransactionException):
            self._connection.execute("checkpoint")

    def close(self) -> None:
        """Close the cursor."""
        self._connection.close()


class DuckDBWarehouse(SqlWarehouse):
    """One writing process at a time: the file is opened late and closed early."""

    session = DuckDBSession
    errors = (duckdb.Error,)

    def __init__(self, path: Path, options: dict[str, str | bool | int | float] | None = None) -> None:
        """Open the file.

        Args:
            path: The file; it is made if it is not there.
            options: DuckDB's own, such as `memory_limit` and `temp_directory`.
        """
        super().__init__()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._opened(dict(options or {}))
        # It would be the host's. Zoned moments are compared, cast and handed out by it.
        self._connection.execute("set global TimeZone = 'UTC'")
        self._flag.unlink(missing_ok=True)

    def _opened(self, options: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        """The file, once no other process has it open: commands at once take turns at it."""
        until = time.monotonic() + LOCK_TIMEOUT
        while True:
            self._check_log()
            try:
                return duckdb.connect(str(self._path), config=options)
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise WarehouseError(f"The warehouse {self._path} cannot be opened: {error}") from error
                if time.monotonic() >= until:
                    raise WarehouseError(
                        f"The warehouse {self._path} is open in another process, and DuckDB lets one process in at a "
                        "time. Close it there (a notebook, a DuckDB shell, another run) and run again. DuckDB says: "
                        f"{error}"
                    ) from error
            time.sleep(PAUSE)

    def __str__(self) -> str:
        return str(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._connection.close()

    def _connect(self) -> DuckDBSession:
        return DuckDBSession(self._connection.cursor())

    def _is_passing(self, error: Exception) -> bool:
        return False

    def _is_missing(self, error: Exception) -> bool:
        return isinstance(error, (duckdb.CatalogException, duckdb.BinderException))

    @property
    def _flag(self) -> Path:
        """A file that is there while this project writes: what a kill cut off then was reported to nobody."""
        return self._path.with_name(self._path.name + ".writing")

    def _check_log(self) -> None:
        """Cut what a killed write left half-written in the log; WarehouseError when a log was cut off otherwise.

        DuckDB would drop the last transactions of either without a word.
        """
        log = log_of(self._path)
        if not log.exists() or (full := complete_length(log.read_bytes())) == log.stat().st_size or is_held(self._path):
            return
        if self._flag.exists():
            with log.open("r+b") as file:
                file.truncate(full)
            return
        raise WarehouseError(
            f"The log {log} ends inside of a transaction, and nothing of this project was writing then: DuckDB would "
            f"drop what is cut off, and what followed. Restore {self._path.name} and its log from a copy. Or, where "
            f"dbt was killed and its models can be built again, accept the loss: create {self._flag} and run again."
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with _writers(str(self._path.resolve())):
            self._flag.touch()
            try:
                yield
            finally:
                self._flag.unlink(missing_ok=True)


def _names(table: pa.Table) -> exp.Select:
    return exp.select(*map(column_of, table.schema.names)).from_(INCOMING)


@cache
def _writers(path: str) -> threading.Lock:
    """The lock that writers of a file share: two in one process would not see each other's new partition."""
    return threading.Lock()
