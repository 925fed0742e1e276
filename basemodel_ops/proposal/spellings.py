"""How CSV files spell what is missing, numbers, moments and letters, where DuckDB must be told to read them as such."""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family, is_timestamp
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.files import described_columns, files_read, reader_of, unreadable
from basemodel_ops.proposal.seen import SeenTable

MISSING = ("NA", "N/A", "n/a", "NULL", "null", "None", "\\N", "?", "-")
"""How files spell that a value is not there, beside leaving it empty."""

FORMATS = tuple(
    f"{first}{mark}{second}{mark}%Y {clock}"
    for mark in "./-"
    for first, second in (("%d", "%m"), ("%m", "%d"))
    for clock in ("%H:%M", "%I:%M %p")
)
"""Moments without seconds, which DuckDB does not look for."""

COMMA = re.compile(r"-?\d+(,\d+)?")
"""A number as most of Europe writes it."""

FIRST_ROWS = 1_000
"""Of a file, in which spellings are looked for; whether all rows are spelled so is asked of DuckDB."""

Options = dict[str, exp.Expr]


def read_of(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> exp.Expr:
    """How files are read: whatever is spelled otherwise than DuckDB looks for is told to it.

    It looks at the first rows alone unless it is told to look at all, which it is where these say something else.
    """
    if reader_of(files[0]) != "read_csv_auto":
        return files_read(files)
    given = _told(connection, files)

    def read(spellings: tuple[str, ...], every: bool = True) -> exp.Expr:
        options = given | (EVERY if every else {})
        if spellings:
            options["nullstr"] = _texts(("", *spellings))
        return files_read(files, **options)

    def families(current: exp.Expr) -> list[str]:
        return [family(kind) for kind in _kinds(connection, files, current)]

    told, spellings = families(read(MISSING)), ()
    if told != families(read(())):
        spellings = _missing(connection, files, given)
        for text in spellings if len(spellings) > 1 else ():
            fewer = tuple(other for other in spellings if other != text)
            spellings = fewer if families(read(fewer)) == told else spellings
    return read(spellings, every=families(read(spellings, every=False)) != told)


EVERY: Options = {"sample_size": exp.Literal.number(-1)}


def _kinds(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], read: exp.Expr) -> list[str]:
    return [kind for _, kind in described_columns(connection, SeenTable("", files, read, 0, ()))]


def _told(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> Options:
    """Letters of Western Europe before UTF-8, a comma in numbers, and moments without seconds, where all are so."""

    def moments(options: Options) -> int:
        read = files_read(files, **options, **EVERY, nullstr=_texts(("", *MISSING)))
        return sum(map(is_timestamp, _kinds(connection, files, read)))

    given: Options = {}
    try:
        before = moments(given)
    except DataError as error:
        if "not utf-8" not in str(error):
            raise
        given = {"encoding": exp.Literal.string("latin-1")}
        before = moments(given)
    columns = _first_texts(connection, files, given)
    if _separator(connection, files, given) != "," and any(
        all(map(COMMA.fullmatch, column)) and any("," in text for text in column) for column in columns
    ):
        given["decimal_separator"] = exp.Literal.string(",")
    written = [text for text in FORMATS if any(_fits(text, column) for column in columns)]
    options: list[Options] = [{"timestampformat": exp.Literal.string(text)} for text in written]
    fitting = [option for option in options if moments(given | option) > before]
    # Where day and month may be either, nobody but the reader knows.
    return given | (fitting[0] if len(fitting) == 1 else {})


def _texts(values: Iterable[str]) -> exp.Array:
    return exp.Array(expressions=[exp.Literal.string(text) for text in values])


def _fits(text: str, column: Iterable[str]) -> bool:
    """Whether all of some values are moments as the text says, and there are any."""
    try:
        return bool([datetime.strptime(value, text) for value in column])
    except ValueError:
        return False


def _separator(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], given: Options) -> str:
    named = [exp.EQ(this=exp.column(name), expression=value) for name, value in given.items()]
    sniffed = exp.func("sniff_csv", exp.Literal.string(str(files[0])), *named, dialect="duckdb")
    (result,) = _fetched(connection, files, exp.select(exp.column("Delimiter")).from_(sniffed))[0]
    return result


def _first_texts(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], given: Options) -> list[list[str]]:
    """The first values of each column that are there."""
    rows = _fetched(
        connection, files, exp.select("*").from_(files_read(files, **given, all_varchar=exp.true())).limit(FIRST_ROWS)
    )
    return [[text for text in column if text and text not in MISSING] for column in zip(*rows, strict=True)]


def _missing(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], given: Options) -> tuple[str, ...]:
    """Which of `MISSING` stand in any column."""
    rows = exp.select("*").from_(files_read(files, **given, all_varchar=exp.true())).subquery("rows")
    values = exp.select(exp.alias_("unnest([*columns(*)])", "value")).from_(rows)
    within = exp.column("value").isin(*MISSING)
    found = _fetched(connection, files, exp.select("value").distinct().from_(values.subquery("texts")).where(within))
    return tuple(text for text in MISSING if (text,) in found)


def _fetched(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], query: exp.Select) -> list[tuple]:
    try:
        return connection.execute(query.sql("duckdb")).fetchall()
    except duckdb.Error as error:
        raise unreadable(", ".join(file.name for file in files), error) from error
