"""What `BigQuerySession` uses of Google's client, over DuckDB in memory: it reads BigQuery's SQL and runs DuckDB's.

It refuses what BigQuery refuses and DuckDB would take: wide NUMERIC, OFFSET without LIMIT, changes without WHERE, DDL
in a transaction, datasets of odd names. A transaction that changes a table which another changes, or changed since it
began, is aborted. Its hash is not BigQuery's, and it knows nothing of rights, quotas, costs or load.
"""

import itertools
import re
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

FIELD_TYPES = {
    "BOOLEAN": "BOOLEAN", "TINYINT": "INTEGER", "SMALLINT": "INTEGER", "INTEGER": "INTEGER", "BIGINT": "INTEGER",
    "HUGEINT": "INTEGER", "UBIGINT": "INTEGER", "FLOAT": "FLOAT", "DOUBLE": "FLOAT", "VARCHAR": "STRING",
    "BLOB": "BYTES", "DATE": "DATE", "TIME": "TIME", "TIMESTAMP": "DATETIME", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "JSON": "JSON",
}  # fmt: skip
ARROW = {
    "INTEGER": pa.int64(), "FLOAT": pa.float64(), "TIMESTAMP": pa.timestamp("us", "UTC"),
    "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.decimal256(76, 38),
}  # fmt: skip
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def install() -> None:
    """Modules by the names of Google's, where Google's are not installed."""
    try:
        from google.cloud import bigquery  # pyright: ignore # noqa: F401
    except ImportError:
        for name, content in _modules().items():
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            module.__dict__.update(content)
            sys.modules[name] = module


def _modules() -> dict[str, dict[str, Any]]:
    class GoogleAPIError(Exception):
        pass

    class GoogleAuthError(Exception):
        pass

    raised = {name: type(name, (GoogleAPIError,), {}) for name in ("NotFound", "BadRequest", "ServerError")}
    raised |= {name: type(name, (GoogleAPIError,), {}) for name in ("TooManyRequests", "RetryError")}
    missing = {name: type(name, (GoogleAuthError,), {}) for name in ("TransportError", "DefaultCredentialsError")}

    def default(scopes: object = None) -> Any:
        raise missing["DefaultCredentialsError"]

    configs = {name: SimpleNamespace for name in ("QueryJobConfig", "LoadJobConfig")}
    created = {
        "ConnectionProperty": lambda key, value: SimpleNamespace(key=key, value=value),
        "DatasetReference": lambda project, dataset: SimpleNamespace(project=project, dataset_id=dataset),
        "TableReference": lambda dataset, table: SimpleNamespace(dataset_id=dataset.dataset_id, table_id=table),
    }
    bigquery: dict[str, Any] = {**configs, **created, "Client": None}
    return {
        "google.cloud": {"__path__": []},
        "google.cloud.bigquery": bigquery,
        "google.cloud.bigquery_storage": {"BigQueryReadClient": None},
        "google.api_core": {"__path__": []},
        "google.api_core.exceptions": {"GoogleAPIError": GoogleAPIError, **raised},
        "google.auth": {"__path__": [], "default": default},
        "google.auth.exceptions": {"GoogleAuthError": GoogleAuthError, **missing},
    }


class Server:
    """A project: its tables, and the sessions that clients have opened."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set global TimeZone = 'UTC'")
        self.sessions: dict[str, Transaction] = {}
        self.numbers = itertools.count()
        self.changed: dict[str, int] = {}
        """When a table was last changed by a transaction that was committed."""
        self.lock = threading.Lock()


class Transaction:
    """A session on the server, and what its transaction changes."""

    def __init__(self, server: Server) -> None:
        self.cursor = server.connection.cursor()
        self.is_open = False
        self.since = 0
        self.changes: set[str] = set()


class Rows:
    """A result, as rows and as Arrow."""

    def __init__(self, table: pa.Table, types: list[str]) -> None:
        self.schema = [_field(name, kind) for name, kind in zip(table.column_names, types, strict=True)]
        columns = [
            column.cast(ARROW.get(field.field_type, column.type))
            for column, field in zip(table.columns, self.schema, strict=True)
        ]
        self._table = pa.Table.from_arrays(columns, names=table.column_names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._table.to_pylist())

    def to_arrow_iterable(self, bqstorage_client: object, max_stream_count: int) -> Iterator[pa.RecordBatch]:
        assert max_stream_count == 1, "several streams come in no order"
        return iter(self._table.to_batches(1_000))


class Job:
    """What was done already."""

    def __init__(self, session: str | None = None) -> None:
        self.session_info = SimpleNamespace(session_id=session)

    def result(self) -> None:
        """Nothing is left to wait for."""


class Client:
    """Google's `bigquery.Client`, as far as it is used."""

    project = "tests"

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cursor = server.connection.cursor()

    def query(self, sql: str, job_config: Any) -> Job:
        assert job_config.create_session
        assert sql == "SET @@time_zone = 'UTC'"
        name = f"session {next(self._server.numbers)}"
        self._server.sessions[name] = Transaction(self._server)
        return Job(name)

    def query_and_wait(self, sql: str, job_config: Any) -> Any:
        given = {item.key: item.value for item in job_config.connection_properties}
        if "session_id" not in given:
            assert given == {"time_zone": "UTC"}
            return self._run(sql, self._cursor, None)
        transaction = self._server.sessions[given["session_id"]]
        if sql == "CALL BQ.ABORT_SESSION()":
            self._end(transaction, "rollback")
            del self._server.sessions[given["session_id"]]
        elif sql == "BEGIN TRANSACTION":
            transaction.cursor.begin()
            transaction.is_open, transaction.since = True, next(self._server.numbers)
        elif sql in ("COMMIT TRANSACTION", "ROLLBACK TRANSACTION"):
            self._end(transaction, sql.split()[0].lower())
        else:
            return self._run(sql, transaction.cursor, transaction)
        return []

    def _end(self, transaction: Transaction, how: str) -> None:
        if not transaction.is_open:
            return
        with self._server.lock, _described():
            transaction.is_open = False
            changes, transaction.changes = transaction.changes, set()
            transaction.cursor.execute(how)
            if how == "commit":
                self._server.changed |= dict.fromkeys(changes, next(self._server.numbers))

    def _run(self, sql: str, cursor: duckdb.DuckDBPyConnection, transaction: Transaction | None) -> Any:
        with _described():
            (statement,) = sqlglot.parse(sql, read="bigquery")
            assert statement is not None
            _refuse(statement, transaction is not None and transaction.is_open)
            if transaction is not None and transaction.is_open and isinstance(statement, (exp.Update, exp.Delete)):
                self._change(transaction, statement.this.name)
            if not isinstance(statement, exp.Query):
                cursor.execute(_as_duckdb(statement))
                return []
            result = cursor.sql(_as_duckdb(statement))
            return Rows(result.to_arrow_table(), [str(kind) for kind in result.types])

    def _change(self, transaction: Transaction, table: str) -> None:
        with self._server.lock:
            others = [other for other in self._server.sessions.values() if other is not transaction and other.is_open]
            late = self._server.changed.get(table, -1) > transaction.since
            if late or any(table in other.changes for other in others):
                transaction.is_open = False
                transaction.cursor.rollback()
                raise _error("BadRequest", f"Transaction is aborted due to concurrent update against table {table}.")
            transaction.changes.add(table)

    def load_table_from_file(self, file: Any, destination: Any, rewind: bool, job_config: Any) -> Job:
        assert rewind
        assert job_config.column_name_character_map == "V2"
        assert (job_config.create_disposition, job_config.write_disposition) == ("CREATE_NEVER", "WRITE_APPEND")
        file.seek(0)
        incoming = pq.read_table(file)
        moments = [field.type for field in incoming.schema if pa.types.is_timestamp(field.type)]
        assert all(kind.tz == "UTC" for kind in moments), "a moment without a zone is a DATETIME"
        assert [field.name for field in job_config.schema] == incoming.column_names
        with _described():
            self._cursor.register("incoming", incoming)
            self._cursor.execute(f"insert into {_quoted(destination)} by name select * from incoming")
            self._cursor.unregister("incoming")
        return Job()

    def get_table(self, reference: Any) -> Any:
        requested = "select column_name, data_type from information_schema.columns where table_schema = ? and "
        requested += "table_name = ? order by ordinal_position"
        result = self._cursor.execute(requested, [reference.dataset_id, reference.table_id]).fetchall()
        if not result:
            raise _error("NotFound", f"Not found: Table {reference.dataset_id}.{reference.table_id}")
        return SimpleNamespace(schema=[_field(name, kind) for name, kind in result])

    def list_datasets(self) -> list[Any]:
        result = self._cursor.execute("select schema_name from duckdb_schemas() where not internal").fetchall()
        return [SimpleNamespace(dataset_id=name) for (name,) in result]

    def get_dataset(self, name: str) -> Any:
        for dataset in self.list_datasets():
            if dataset.dataset_id == name:
                return dataset
        raise _error("NotFound", f"Not found: Dataset {name}")

    def create_dataset(self, name: str, exists_ok: bool) -> None:
        assert re.fullmatch(r"\w+", name, re.ASCII)
        self._cursor.execute(f'create schema if not exists "{name}"')

    def list_tables(self, name: str) -> list[Any]:
        self.get_dataset(name)
        requested = "select table_name from information_schema.tables where table_schema = ?"
        return [SimpleNamespace(table_id=table) for (table,) in self._cursor.execute(requested, [name]).fetchall()]

    def close(self) -> None:
        self._cursor.close()


class _described:  # noqa: N801 - a block
    """What DuckDB says, as the errors that Google's client raises."""

    def __enter__(self) -> None:
        """Nothing is held."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, duckdb.CatalogException):
            raise _error("NotFound", f"Not found: {error}") from error
        if isinstance(error, (duckdb.Error, SqlglotError)):
            unknown = "Unrecognized name: " if "Referenced column" in str(error) else ""
            raise _error("BadRequest", f"{unknown}{error}") from error


def _error(name: str, message: str) -> Exception:
    from google.api_core import exceptions  # pyright: ignore

    return getattr(exceptions, name)(message)


def _refuse(statement: exp.Expr, in_transaction: bool) -> None:
    """BadRequest for what BigQuery does not take and DuckDB would."""
    if in_transaction and isinstance(statement, (exp.Create, exp.Drop, exp.Alter)):
        raise _error("BadRequest", "DDL on permanent tables is not supported in a transaction")
    if isinstance(statement, (exp.Update, exp.Delete)) and not statement.args.get("where"):
        raise _error("BadRequest", "UPDATE and DELETE must have a WHERE clause")
    for query in statement.find_all(exp.Query):
        if query.args.get("offset") and not query.args.get("limit"):
            raise _error("BadRequest", "Syntax error: OFFSET without LIMIT")
    for kind in statement.find_all(exp.DataType):
        if kind.is_type("decimal") and len(kind.expressions) == 2:
            precision, scale = (int(part.name) for part in kind.expressions)
            if scale > 9 or precision - scale > 29:
                raise _error("BadRequest", f"In NUMERIC(P, {scale}), P must be at most {scale + 29}, not {precision}")
    for table in statement.find_all(exp.Table):
        if table.db and not re.fullmatch(r"\w+", table.db, re.ASCII):
            raise _error("BadRequest", f"Invalid dataset ID {table.db!r}")


def _as_duckdb(statement: exp.Expr) -> str:
    clone = statement.args.get("clone")
    if clone is not None:
        return f"create or replace table {statement.this.sql('duckdb')} as select * from {clone.this.sql('duckdb')}"
    return statement.transform(_single).sql("duckdb")


def _single(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table) and node.args.get("catalog"):
        node.set("catalog", None)
    if node.key == "farmfingerprint" or node.name.upper() == "FARM_FINGERPRINT":
        of = node.expressions[0].sql("duckdb")
        hashed = f"cast(cast(hash({of}) as hugeint) - 9223372036854775808 as bigint)"
        return sqlglot.parse_one(f"case when {of} is not null then {hashed} end", read="duckdb")
    if isinstance(node, exp.DataType) and node.is_type("bigdecimal"):
        return exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=node.expressions, nested=False)
    return node


def _field(name: str, kind: str) -> Any:
    decimal = DECIMAL.fullmatch(kind)
    precision, scale = (int(decimal[1]), int(decimal[2])) if decimal else (None, None)
    if decimal:
        kind = "NUMERIC" if int(decimal[2]) <= 9 and int(decimal[1]) - int(decimal[2]) <= 29 else "BIGNUMERIC"
    repeated = kind.endswith("[]")
    kind = FIELD_TYPES.get(kind.removesuffix("[]"), kind)
    return SimpleNamespace(
        name=name, field_type=kind, mode="REPEATED" if repeated else "NULLABLE", precision=precision, scale=scale
    )


def _quoted(reference: Any) -> str:
    return exp.table_(reference.table_id, db=reference.dataset_id, quoted=True).sql("duckdb")
