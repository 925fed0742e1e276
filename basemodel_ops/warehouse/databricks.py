"""Databricks, through its own SQL connector: Arrow out by Cloud Fetch, Parquet in by way of a volume."""

import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from databricks import sql as connector  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]
from databricks.sql import exc  # pyright: ignore[reportMissingImports]
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.dialects import adapted
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.session import Session, create_table, information
from basemodel_ops.warehouse.spool import ParquetSpool
from basemodel_ops.warehouse.sql import SqlWarehouse
from basemodel_ops.warehouse.staging import drop, stage_age
from basemodel_ops.warehouse.values import portable_values

STAGE_HOURS = 24
"""A stage table this old belongs to a run that is gone: Databricks has no lock that would say so sooner."""
FILES = "basemodel_files"
"""The volume beside the tables in which rows are on their way."""
UNUSABLE = re.compile(r"[./ \x00-\x1f\x7f]")
"""What no catalog, schema or table of Unity Catalog has in its name."""
MISSING = ("TABLE_OR_VIEW_NOT_FOUND", "UNRESOLVED_COLUMN", "SCHEMA_NOT_FOUND")
WRITERS = threading.Lock()
LOG = logging.getLogger(__name__)


class DatabricksSession(Session):
    """One connection. There is no transaction over tables: what one would hold waits, and is written in an order."""

    dialect = "databricks"

    def __init__(self, connection: Any, catalog: str) -> None:
        self._connection, self._catalog = connection, catalog
        self._waiting: list[exp.Expr] | None = None
        self._spool = ParquetSpool()
        self._sent: list[str] = []

    def render(self, expression: exp.Expr) -> str:
        """Databricks' dialect, moments as TIMESTAMP.

        Raises:
            WarehouseError: a name that Unity Catalog does not allow.
        """
        for identifier in expression.find_all(exp.Identifier):
            if isinstance(identifier.parent, exp.Table) and UNUSABLE.search(identifier.name):
                raise WarehouseError(
                    f"Databricks has no schema or table {identifier.name!r}: it allows no dots, blanks or slashes. "
                    "Rename it."
                )
        return adapted(expression, self.dialect).sql(self.dialect)

    def spelled(self, name: str) -> str:
        """Lower case."""
        return name.lower()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute a statement; its rows, if it has any."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def rows(self, expression: exp.Expr) -> list[tuple[Any, ...]]:
        """Execute, and fetch what comes back; between `begin` and `commit` changes wait for the commit."""
        if self._waiting is not None and isinstance(expression, (exp.Delete, exp.Insert)):
            self._waiting.append(expression)
            return []
        return super().rows(expression)

    def stream(self, query: exp.Query, rows: int) -> pa.RecordBatchReader:
        """The result, chunk by chunk."""
        cursor = self._connection.cursor()
        cursor.execute(self.render(query))
        first = portable_values(cursor.fetchmany_arrow(rows))

        def batches() -> Iterator[pa.RecordBatch]:
            with cursor:
                part = first
                while part.num_rows:
                    yield from part.cast(first.schema).to_batches()
                    part = portable_values(cursor.fetchmany_arrow(rows))

        return pa.RecordBatchReader.from_batches(first.schema, batches())

    @staticmethod
    def hashed(columns: list[str]) -> exp.Expr:
        """A hash of the row, and of where it has nulls, which the hash itself leaves out."""
        values = [part for name in columns for part in (column_of(name), column_of(name).is_(exp.null()))]
        return exp.Anonymous(this="XXHASH64", expressions=values)

    @staticmethod
    def hashed_value(column: str) -> exp.Expr:
        """A hash of the value's text."""
        return exp.Anonymous(this="XXHASH64", expressions=[exp.cast(column_of(column), "text")])

    def create(self, relation: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create schema and table where they are missing; columns may have any name."""
        if not self.columns(relation):
            self.create_schema(relation.schema_name)
            self.rows(create_table(relation, columns, _any_names()))

    def add_columns(self, relation: Relation, columns: list[exp.ColumnDef]) -> None:
        """Add the columns that a table lacks; they are null in the rows it has."""
        there = self.columns(relation)
        missing = [column for column in columns if column.name not in there]
        if not missing:
            return
        listed = ", ".join(map(self.render, missing))
        try:
            self.execute(f"ALTER TABLE {self.render(table_of(relation))} ADD COLUMNS ({listed})")
        except exc.Error:
            # There is no IF NOT EXISTS here, and another writer may have been faster.
            if not self.columns(relation).keys() >= {column.name for column in missing}:
                raise

    def open_stage(self, stage: Relation, columns: list[exp.ColumnDef]) -> None:
        """Create a table, and the volume for files."""
        self.rows(create_table(stage, columns, _any_names()))
        volume = Relation(schema_name=stage.schema_name, name=FILES)
        self.execute(f"CREATE VOLUME IF NOT EXISTS {self.render(table_of(volume))}")

    def append(self, stage: Relation, table: pa.Table) -> None:
        """Write the rows into a Parquet file here, and send it off when it is large."""
        if self._spool.append(table):
            self._put(stage)

    def _folder(self, stage: Relation) -> str:
        return f"/Volumes/{self._catalog}/{stage.schema_name}/{FILES}/{stage.name}"

    def _put(self, stage: Relation) -> None:
        file = self._spool.take()
        if file is None:
            return
        path = _text(f"{self._folder(stage)}/{secrets.token_hex(8)}.parquet")
        with file, self._connection.cursor() as cursor:
            self._sent.append(path)
            cursor.execute(f"PUT '__input_stream__' INTO {path} OVERWRITE", input_stream=file)

    def close_stage(self, stage: Relation) -> None:
        """Send the last file, insert the rows of all of them into the stage table, and remove them."""
        self._put(stage)
        if self._sent:
            names = ", ".join(self.render(column_of(name)) for name in self.columns(stage))
            files = f"read_files({_text(self._folder(stage))}, format => 'parquet')"
            self.execute(f"INSERT INTO {self.render(table_of(stage))} ({names}) SELECT {names} FROM {files}")
            self._remove()

    def _remove(self) -> None:
        sent, self._sent = self._sent, []
        for path in sent:
            try:
                self.execute(f"REMOVE {path}")
            except (exc.Error, OSError) as error:
                LOG.warning("The file %s holds rows and could not be removed: remove it by hand. %s", path, error)

    def replace(self, relation: Relation, table: pa.Table, stage: Relation) -> None:
        """Fill a stage, then replace the table by its rows in one statement."""
        try:
            self.fill(stage, table)
            rows = self.render(exp.select(*map(column_of, table.column_names)).from_(table_of(stage)))
            properties = _any_names().sql(self.dialect)
            self.execute(
                f"CREATE OR REPLACE TABLE {self.render(table_of(relation))} TBLPROPERTIES ({properties}) AS {rows}"
            )
        finally:
            drop(self, stage)

    def begin(self) -> None:
        """Let changes wait."""
        self._waiting = []

    def commit(self) -> None:
        """Take the partition's entry from the ledger, replace its rows in one step, and write the new entry.

        Whatever ends a writer in between leaves no entry, so what is there is not believed and written again. Of
        writers that overlap all leave an entry, and of several none is believed. If one of them is killed between its
        rows and its entry, that of the other may stand over these rows.
        """
        waiting, self._waiting = self._waiting or [], None
        rows_away, rows_in, entry_away, entry_in = waiting
        super().rows(entry_away)
        target, names = rows_in.this.this, list(self.columns(_relation(rows_in.this.this)))
        chosen = exp.select(*map(column_of, names)).from_(rows_in.expression.args["from_"].this)
        where = self.render(rows_away.args["where"].this)
        self.execute(f"INSERT INTO {self.render(target)} REPLACE WHERE {where} {self.render(chosen)}")
        super().rows(entry_in)

    def rollback(self) -> None:
        """Forget what waited; nothing was written."""
        self._waiting = None

    def lock(self, relation: Relation, entry: exp.Condition) -> None:
        """Nothing to do: see `commit`."""

    def is_abandoned(self, stage: Relation) -> bool:
        """Whether it is older than any run."""
        return stage_age(stage) > STAGE_HOURS * 3600

    def columns(self, relation: Relation) -> dict[str, str]:
        """Data type per column; empty when there is no such relation."""
        result = exp.select(column_of("column_name"), column_of("full_data_type"))
        result = result.from_(information("columns", relation.database))
        for column, name in (("table_schema", relation.schema_name), ("table_name", relation.name)):
            result = result.where(column_of(column).eq(exp.Literal.string(self.spelled(name))))
        return dict(self.rows(result.order_by(column_of("ordinal_position"))))

    def close(self) -> None:
        """Remove files on their way, and close the connection."""
        self._remove()
        self._spool.close()
        self._connection.close()


class DatabricksWarehouse(SqlWarehouse):
    """A catalog of Databricks' Unity Catalog."""

    session = DatabricksSession
    errors = (exc.Error,)

    def __init__(self, settings: dict[str, Any], retry_policy: RetryPolicy | None = None) -> None:
        """Connect to nothing yet.

        Args:
            settings: The connector's own; `catalog` is one of them.
            retry_policy: How long a broken connection is tried again.
        """
        super().__init__(retry_policy)
        self._settings = settings

    @classmethod
    def from_environment(cls) -> "DatabricksWarehouse":
        """The catalog that `DATABRICKS_*` variables name."""
        host = os.environ["DATABRICKS_HOST"].removeprefix("https://").rstrip("/")
        return cls(
            {
                "server_hostname": host,
                "http_path": os.environ["DATABRICKS_HTTP_PATH"],
                "access_token": os.environ["DATABRICKS_TOKEN"],
                "catalog": os.environ["DATABRICKS_CATALOG"],
                "session_configuration": {"timezone": "UTC", "ansi_mode": "true"},
                "user_agent_entry": "basemodel_ops",
                "enable_telemetry": False,
            }
        )

    def __str__(self) -> str:
        return f"the Databricks catalog {self._settings['catalog']}"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer of this process at a time: there is no transaction that would keep two apart."""
        with WRITERS:
            yield

    def _connect(self) -> DatabricksSession:
        return DatabricksSession(connector.connect(**self._settings), self._settings["catalog"])

    def _is_passing(self, error: Exception) -> bool:
        return isinstance(error, (exc.RequestError, OSError))

    def _is_missing(self, error: Exception) -> bool:
        return isinstance(error, exc.Error) and any(name in str(error) for name in MISSING)


def _any_names() -> exp.Property:
    """The property of a table whose columns may have any name."""
    return exp.Property(this=exp.Literal.string("delta.columnMapping.mode"), value=exp.Literal.string("name"))


def _text(value: str) -> str:
    return exp.Literal.string(value).sql("databricks")


def _relation(table: exp.Table) -> Relation:
    return Relation(database=table.catalog or None, schema_name=table.db, name=table.name)
