"""CSV and Parquet files as DuckDB reads them in place."""

import itertools
from dataclasses import replace
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.seen import SeenTable

READERS = {".parquet": "read_parquet", ".csv": "read_csv_auto", ".tsv": "read_csv_auto", ".csv.gz": "read_csv_auto"}
"""DuckDB's reader of each kind of file."""

MISSING = ("NA", "N/A", "n/a", "NULL", "null", "None", "\\N", "?", "-")
"""How files spell that a value is not there, beside leaving it empty."""


def _files_read(files: tuple[Path, ...], **options: exp.Expr) -> exp.Expr:
    paths = exp.Array(expressions=[exp.Literal.string(str(path)) for path in files])
    named = [exp.EQ(this=exp.column(name), expression=value) for name, value in options.items()]
    return exp.func(reader_of(files[0]) or "", paths, *named, dialect="duckdb")


def read_of(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> exp.Expr:
    """How files are read: whatever stands for a missing value in columns of numbers or moments is told to DuckDB.

    It looks at the first rows alone unless it is told to look at all, which it is where these say something else.
    """
    if reader_of(files[0]) != "read_csv_auto":
        return _files_read(files)

    def read(spellings: tuple[str, ...], every: bool = True) -> exp.Expr:
        options: dict[str, exp.Expr] = {"sample_size": exp.Literal.number(-1)} if every else {}
        if spellings:
            options["nullstr"] = exp.Array(expressions=[exp.Literal.string(text) for text in ("", *spellings)])
        return _files_read(files, **options)

    def families(current: exp.Expr) -> list[str]:
        return [family(kind) for _, kind in described_columns(connection, SeenTable("", files, current, 0, ()))]

    told, spellings = families(read(MISSING)), ()
    if told != families(read(())):
        spellings = _spelled(connection, files)
        for text in spellings if len(spellings) > 1 else ():
            fewer = tuple(other for other in spellings if other != text)
            spellings = fewer if families(read(fewer)) == told else spellings
    return read(spellings, every=families(read(spellings, every=False)) != told)


def _spelled(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> tuple[str, ...]:
    """Which of `MISSING` stand in any column."""
    read = _files_read(files, all_varchar=exp.true())
    rows = exp.select("*").from_(read).subquery("rows")
    values = exp.select(exp.alias_("unnest([*columns(*)])", "value")).from_(rows)
    within = exp.column("value").isin(*MISSING)
    query = exp.select("value").distinct().from_(values.subquery("texts")).where(within)
    try:
        found = connection.execute(query.sql("duckdb")).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{', '.join(file.name for file in files)} cannot be read: {error}") from error
    return tuple(text for text in MISSING if (text,) in found)


def read_once(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> SeenTable:
    """The table with rows that several of its files hold read once: exports of months that overlap.

    A row counts as often as the file that holds it most often; how many were left out is said.
    """
    if len(table.paths) < 2:
        return table
    raws = [raw for raw, _ in described_columns(connection, table)]
    columns = [exp.column(raw, quoted=True) for raw in raws]
    free = next(start for n in itertools.count(1) if not any(raw.startswith(start := "_" * n) for raw in raws))
    file, place = exp.column(f"{free}file"), exp.column(f"{free}place")
    read = table.read.copy()
    read.append("expressions", exp.EQ(this=exp.column("filename"), expression=exp.Literal.string(file.name)))
    order = exp.Window(this=exp.func("row_number"), partition_by=[file, *columns])
    placed = exp.select(*columns, file, exp.alias_(order, place.name)).from_(read).subquery("placed")
    once = exp.select(*columns, place).distinct().from_(placed).subquery("once")
    hashed = exp.alias_(exp.func("hash", *columns), "row_hash")
    held = (
        exp.select(hashed, exp.alias_(exp.Count(this=exp.Star()), "held")).from_(read.copy()).group_by("row_hash", file)
    )
    repeated = exp.select("sum(held) - max(held) as more").from_(held.subquery("held_of")).group_by("row_hash")
    query = exp.select("coalesce(sum(more), 0)").from_(repeated.subquery("repeated"))
    try:
        (count,) = connection.execute(query.sql("duckdb")).fetchone() or (0,)
    except duckdb.Error as error:
        raise DataError(f"{table.origin} cannot be read: {error}") from error
    if not count:
        return table
    return replace(table, read=exp.select(*columns).from_(once).subquery(table.name), repeated=int(count))


def reader_of(file: Path) -> str | None:
    """The function of DuckDB that reads a file; None where none does."""
    return next((reader for ending, reader in READERS.items() if file.name.lower().endswith(ending)), None)


def described_columns(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> list[tuple[str, str]]:
    """Names and types of columns."""
    try:
        rows = connection.execute(f"describe {table.source.sql('duckdb')}").fetchall()
    except duckdb.Error as error:
        raise DataError(f"{table.origin} cannot be read: {error}") from error
    return [(raw, kind) for raw, kind, *_ in rows]
