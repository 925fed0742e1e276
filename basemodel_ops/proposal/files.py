"""CSV and Parquet files as DuckDB reads them in place."""

import itertools
from dataclasses import replace
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.errors import DataError
from basemodel_ops.proposal.seen import SeenTable

READERS = {".parquet": "read_parquet", ".csv": "read_csv_auto", ".tsv": "read_csv_auto", ".csv.gz": "read_csv_auto"}
"""DuckDB's reader of each kind of file."""


def files_read(files: tuple[Path, ...], **options: exp.Expr) -> exp.Expr:
    """DuckDB's function that reads files, with what it is told of them."""
    paths = exp.Array(expressions=[exp.Literal.string(str(path)) for path in files])
    named = [exp.EQ(this=exp.column(name), expression=value) for name, value in options.items()]
    return exp.func(reader_of(files[0]) or "", paths, *named, dialect="duckdb")


def read_once(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> SeenTable:
    """The table with rows that several of its files hold read once: exports of months that overlap.

    A row counts as often as the file that holds it most often; how many were left out is said.
    """
    if len(table.paths) < 2:
        return table
    raws = [raw for raw, _ in described_columns(connection, table)]
    columns = [exp.column(raw, quoted=True) for raw in raws]
    free = next(start for n in itertools.count(1) if not any(raw.startswith(start := "_" * n) for raw in raws))
    file, row_index = exp.column(f"{free}file"), exp.column(f"{free}place")
    read = table.read.copy()
    read.append("expressions", exp.EQ(this=exp.column("filename"), expression=exp.Literal.string(file.name)))
    order = exp.Window(this=exp.func("row_number"), partition_by=[file, *columns])
    placed = exp.select(*columns, file, exp.alias_(order, row_index.name)).from_(read).subquery("placed")
    once = exp.select(*columns, row_index).distinct().from_(placed).subquery("once")
    hashed = exp.alias_(exp.func("hash", *columns), "row_hash")
    held = (
        exp.select(hashed, exp.alias_(exp.Count(this=exp.Star()), "held")).from_(read.copy()).group_by("row_hash", file)
    )
    repeated = exp.select("sum(held) - max(held) as more").from_(held.subquery("held_of")).group_by("row_hash")
    query = exp.select("coalesce(sum(more), 0)").from_(repeated.subquery("repeated"))
    try:
        (count,) = connection.execute(query.sql("duckdb")).fetchone() or (0,)
    except duckdb.Error as error:
        raise unreadable(table.origin, error) from error
    if not count:
        return table
    return replace(table, read=exp.select(*columns).from_(once).subquery(table.name), repeated=int(count))


def reader_of(file: Path) -> str | None:
    """The function of DuckDB that reads a file; None where none does."""
    return next((reader for ending, reader in READERS.items() if file.name.lower().endswith(ending)), None)


def unreadable(origin: str, error: duckdb.Error) -> DataError:
    """That something cannot be read, and why, without the query that was tried."""
    return DataError(f"{origin} cannot be read: {str(error).partition('LINE 1:')[0].strip()}")


def described_columns(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> list[tuple[str, str]]:
    """Names and types of columns."""
    try:
        rows = connection.execute(f"describe {table.source.sql('duckdb')}").fetchall()
    except duckdb.Error as error:
        raise unreadable(table.origin, error) from error
    return [(raw, kind) for raw, kind, *_ in rows]
