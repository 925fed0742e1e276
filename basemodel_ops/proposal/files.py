"""CSV and Parquet files as DuckDB reads them in place."""

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
