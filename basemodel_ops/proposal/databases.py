"""Tables and views of DuckDB files, as a project that attaches them reads them in place."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.errors import DataError

ENDINGS = (".duckdb", ".ddb", ".db")

WRITTEN_SCHEMAS = ("basemodel", "dbt")
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


def chosen(there: Sequence[tuple[str, ...]], names: Collection[str], where: str, prefix: str) -> list[tuple[str, ...]]:
    """Of tables, each a schema and a name first, those of the places that are named; if none is, all but
    those of `WRITTEN_SCHEMAS`.

    Args:
        there: All tables.
        names: A `schema`, or a `schema.table`, each.
        where: They are, in words.
        prefix: What stands before a place as people name it.

    Raises:
        DataError: there is no such place, or nothing in it.
    """
    if not names:
        return [entry for entry in there if entry[0] not in WRITTEN_SCHEMAS]
    results: dict[tuple[str, ...], None] = {}
    for location in names:
        current = [entry for entry in there if location in (entry[0], f"{entry[0]}.{entry[1]}")]
        if not current:
            held = ", ".join(sorted({schema for schema, *_ in there if schema not in WRITTEN_SCHEMAS})) or "none"
            raise DataError(
                f"There is no table in {location or 'no schema'!r} of {where}. Schemas with tables: {held}. Name one, "
                f"`{prefix}:schema`, or a table of one, `{prefix}:schema.table`."
            )
        results |= dict.fromkeys(current)
    return list(results)


def relations(
    connection: duckdb.DuckDBPyConnection, file: Path, alias: str, names: Collection[str] = ()
) -> Iterator[exp.Table]:
    """The tables and views of an attached file, by schema and name; of some places only, if any is named."""
    query = (
        exp.select("table_schema", "table_name")
        .from_("information_schema.tables")
        .where(exp.column("table_catalog").eq(alias))
        .order_by("table_schema", "table_name")
    )
    there = connection.execute(query.sql("duckdb")).fetchall()
    for schema, name in chosen(there, names, str(file), str(file)):
        yield exp.table_(name, db=schema, catalog=alias, quoted=True)


def placed(path: Path) -> tuple[Path, str]:
    """A file or folder, and the schema or table that is named after a database: `shop.duckdb:erp.orders`."""
    name, _, location = str(path).rpartition(":")
    return (Path(name), location) if is_database(Path(name)) and not path.exists() else (path, "")
