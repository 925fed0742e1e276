"""What `DatabricksSession` uses of Databricks' connector, over DuckDB in memory.

It has volumes, `REPLACE WHERE` in one step, by position, and no transaction over statements. It refuses names that
Unity Catalog refuses. Its hash leaves nulls out, as Databricks' does. It knows nothing of conflicts,
rights or load.
"""

import itertools
import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

PUT = re.compile(r"PUT '__input_stream__' INTO '(/Volumes/[^']+)' OVERWRITE")
REMOVE = re.compile(r"REMOVE '(/Volumes/[^']+)'")
VOLUME = re.compile(r"CREATE VOLUME IF NOT EXISTS `([^`]+)`\.`([^`]+)`")
READ_FILES = re.compile(r"read_files\('(/Volumes/[^']+)', format => 'parquet'\)")


def install() -> None:
    """Modules by the names of Databricks', where Databricks' are not installed."""
    try:
        from databricks import sql  # pyright: ignore # noqa: F401
    except ImportError:
        base = type("Error", (Exception,), {})
        errors = {name: type(name, (base,), {}) for name in ("RequestError", "ServerOperationError")}
        contents = {"databricks": {"__path__": []}, "databricks.sql": {"__path__": [], "connect": None}}
        for name, content in (contents | {"databricks.sql.exc": {"Error": base, **errors}}).items():
            module = ModuleType(name)
            module.__spec__ = ModuleSpec(name, None)
            module.__dict__.update(content)
            sys.modules[name] = module


class Server:
    """A catalog: its tables, its volumes and the files in them."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set global TimeZone = 'UTC'")
        self.volumes: set[str] = set()
        self.files: dict[str, pa.Table] = {}
        self.numbers = itertools.count()


class Connection:
    """A connection, of which each statement commits by itself."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def cursor(self) -> "Cursor":
        return Cursor(self._server)

    def close(self) -> None:
        """Nothing is held."""


class Cursor:
    """A statement and its result."""

    def __init__(self, server: Server) -> None:
        self._server, self._cursor = server, server.connection.cursor()
        self._result: pa.Table | None = None
        self._taken = 0

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *unused: object) -> None:
        self._cursor.close()

    @property
    def description(self) -> list[tuple[str, ...]] | None:
        return None if self._result is None else [(name,) for name in self._result.column_names]

    def execute(self, sql: str, input_stream: Any = None) -> None:
        try:
            self._execute(sql, input_stream)
        except duckdb.CatalogException as error:
            raise _error(f"[TABLE_OR_VIEW_NOT_FOUND] {error}") from error
        except (duckdb.Error, SqlglotError) as error:
            unknown = "[UNRESOLVED_COLUMN.WITH_SUGGESTION] " if "Referenced column" in str(error) else ""
            raise _error(f"{unknown}{error}") from error

    def _execute(self, sql: str, input_stream: Any) -> None:
        if put := PUT.fullmatch(sql):
            assert put[1].rpartition("/")[0].rpartition("/")[0] in self._server.volumes
            self._server.files[put[1]] = pq.read_table(input_stream)
        elif removed := REMOVE.fullmatch(sql):
            del self._server.files[removed[1]]
        elif volume := VOLUME.fullmatch(sql):
            self._server.volumes.add(f"/Volumes/tests/{volume[1]}/{volume[2]}")
        elif files := READ_FILES.search(sql):
            incoming = [part for path, part in self._server.files.items() if path.startswith(f"{files[1]}/")]
            self._cursor.register("incoming", pa.concat_tables(incoming))
            self._run(READ_FILES.sub("incoming", sql))
            self._cursor.unregister("incoming")
        else:
            self._run(sql.replace("`full_data_type`", "`data_type`"))

    def _run(self, sql: str) -> None:
        (statement,) = sqlglot.parse(sql, read="databricks")
        assert statement is not None
        for table in statement.find_all(exp.Table):
            if re.search(r"[./ ]", f"{table.db}{table.name}"):
                raise _error("[INVALID_PARAMETER_VALUE] a name with dots, blanks or slashes")
        if isinstance(statement, exp.Create):
            statement.set("properties", None)
        where = statement.args.get("where") if isinstance(statement, exp.Insert) else None
        if where is not None:
            assert isinstance(statement.this, exp.Table), "REPLACE WHERE takes no columns: they go by position"
            statement.set("where", None)
            self._cursor.begin()
            try:
                self._cursor.execute(_as_duckdb(exp.delete(statement.this.copy()).where(where)))
                self._cursor.execute(_as_duckdb(statement))
            except BaseException:
                self._cursor.rollback()
                raise
            self._cursor.commit()
        elif isinstance(statement, exp.Query):
            result = self._cursor.sql(_as_duckdb(statement))
            table = result.to_arrow_table()
            # A sum of whole numbers is a BIGINT there.
            kinds = [field.with_type(pa.int64()) if str(kind) == "HUGEINT" else field
                     for field, kind in zip(table.schema, result.types, strict=True)]  # fmt: skip
            self._result = table.cast(pa.schema(kinds))
        elif isinstance(statement, exp.Alter):
            (added,) = statement.args["actions"]
            if not isinstance(added, exp.Schema):
                raise _error("[PARSE_SYNTAX_ERROR] columns are added as ADD COLUMNS (name type, …)")
            for column in added.expressions:
                statement.set("actions", [column])
                self._cursor.execute(_as_duckdb(statement))
        else:
            self._cursor.execute(_as_duckdb(statement))

    def fetchall(self) -> list[tuple[Any, ...]]:
        assert self._result is not None
        return [tuple(row.values()) for row in self._result.to_pylist()]

    def fetchmany_arrow(self, size: int) -> pa.Table:
        assert self._result is not None
        part = self._result.slice(self._taken, size)
        self._taken += part.num_rows
        return part


def _error(message: str) -> Exception:
    from databricks.sql import exc  # pyright: ignore

    return exc.ServerOperationError(message)


def _as_duckdb(statement: exp.Expr) -> str:
    return statement.transform(_single).sql("duckdb")


def _single(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table) and node.args.get("catalog"):
        node.set("catalog", None)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "XXHASH64":
        # Nulls leave the hash as it is.
        texts = ", ".join(f"cast({part.sql('duckdb')} as varchar)" for part in node.expressions)
        return sqlglot.parse_one(
            f"cast(cast(hash(concat_ws('\x1f', {texts})) as hugeint) - 9223372036854775808 as bigint)", read="duckdb"
        )
    return node
