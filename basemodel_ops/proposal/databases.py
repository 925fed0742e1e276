"""Tables and views of DuckDB files, as a project that attaches them reads them in place."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.errors import DataError

ENDINGS = (".duckdb", ".ddb", ".db")

MADE = ("basemodel", "dbt")
"""Schemas whose tables are answers or bookkeeping, not behaviour."""


def is_database(file: Path) -> bool:
    """Whether a file is called as DuckDB's are."""
    return file.name.lower().endswith(ENDINGS)


def is_duckdb(file: Path) -> bool:
    """Whether a file is called as DuckDB's are and begins as they do: others' databases end in `.db` too."""
    if not is_database(file) or not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(12)[8:] == b"DUCK"


def attach(connection: duckdb.DuckDBPyConnection, file: Path, alias: str) -> None:
    """Open a file, to be read only.

    Raises:
        DataError: it is none of DuckDB's, or another process writes to it.
    """
    path = exp.Literal.string(str(file)).sql("duckdb")
    try:
        connection.execute(f"attach {path} as {exp.to_identifier(alias, quoted=True).sql('duckdb')} (read_only)")
    except duckdb.Error as error:
        raise DataError(f"{file} cannot be opened as a DuckDB file: {error}") from error


def relations(connection: duckdb.DuckDBPyConnection, alias: str) -> Iterator[exp.Table]:
    """The tables and views of an attached file, by schema and name."""
    query = (
        exp.select("table_schema", "table_name")
        .from_("information_schema.tables")
        .where(exp.column("table_catalog").eq(alias))
        .order_by("table_schema", "table_name")
    )
    for schema, name in connection.execute(query.sql("duckdb")).fetchall():
        if schema not in MADE:
            yield exp.table_(name, db=schema, catalog=alias, quoted=True)
