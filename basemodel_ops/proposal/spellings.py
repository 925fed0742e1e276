"""How CSV files spell what is missing, numbers, moments and letters, where DuckDB must be told to read them as such."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family, is_timestamp
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.files import described_columns, files_read, reader_of, unreadable
from basemodel_ops.proposal.seen import SeenTable

MISSING = ("NA", "N/A", "n/a", "NULL", "null", "None", "\\N", "?", "-")
"""How files spell that a value is not there, beside leaving it empty."""

ORDERS = ("%d", "%m"), ("%m", "%d")
"""Of day and month before a year."""

FORMATS = tuple(
    f"{first}{mark}{second}{mark}{year} {clock}"
    for mark in "./-"
    for first, second in ORDERS
    for year in ("%Y", "%y")
    for clock in ("%H:%M", "%H:%M:%S", "%I:%M %p")
)
"""Moments without seconds or with years of two digits, not all of which DuckDB looks for."""

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
    given = _options(connection, files)

    def read(spellings: tuple[str, ...], every: bool = True) -> exp.Expr:
        options = given | (EVERY if every else {})
        if spellings:
            options["nullstr"] = _texts(("", *spellings))
        return files_read(files, **options)

    def families(current: exp.Expr) -> list[str]:
        return [family(kind) for kind in _kinds(connection, files, current)]

    expected, spellings = families(read(MISSING)), ()
    if expected != families(read(())):
        spellings = _missing(connection, files, given)
        for text in spellings if len(spellings) > 1 else ():
            fewer = tuple(other for other in spellings if other != text)
            spellings = fewer if families(read(fewer)) == expected else spellings
    return read(spellings, every=families(read(spellings, every=False)) != expected)


EVERY: Options = {"sample_size": exp.Literal.number(-1)}


def _kinds(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], read: exp.Expr) -> list[str]:
    return [kind for _, kind in described_columns(connection, SeenTable("", files, read, 0, ()))]


def _options(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> Options:
    """Letters of Western Europe before UTF-8, a comma in numbers, and moments without seconds, where all are so."""

    def kinds(options: Options) -> list[str]:
        return _kinds(connection, files, files_read(files, **options, **EVERY, nullstr=_texts(("", *MISSING))))

    def timestamps(options: Options) -> int:
        return sum(map(is_timestamp, kinds(options)))

    given: Options = {}
    try:
        before = timestamps(given)
    except DataError as error:
        if "not utf-8" not in str(error):
            raise
        given = {"encoding": exp.Literal.string("latin-1")}
        before = timestamps(given)
    columns = _first_texts(connection, files, given)
    if _sniffed(connection, files, given)[0] != "," and any(
        all(map(COMMA.fullmatch, column)) and any("," in text for text in column) for column in columns
    ):
        given["decimal_separator"] = exp.Literal.string(",")
    written = [text for text in FORMATS if any(_fits(text, column) for column in columns)]
    options: list[Options] = [{"timestampformat": exp.Literal.string(text)} for text in written]
    fitting = [option for option in options if timestamps(given | option) > before]
    if not fitting:
        others = _year_last(_sniffed(connection, files, given)[1:], columns)
        fitting = [option for option in others if kinds(given | option) == kinds(given)]
    # Where day and month may be either, nobody but the reader knows.
    return given | (fitting[0] if len(fitting) == 1 else {})


def _year_last(formats: Iterable[str | None], columns: list[list[str]]) -> Iterator[Options]:
    """Where DuckDB takes what stands first for a year of two digits, the orders in which moments are nearer together.

    31.12.23 may be of 2031 as well. Read so, a year of days is spread over thirty.
    """
    for name, text in zip(("dateformat", "timestampformat"), formats, strict=True):
        if text is not None and text.startswith("%y"):
            mark, clock = text[2], text[len("%y-%m-%d") :]
            for other in (f"{first}{mark}{second}{mark}%y{clock}" for first, second in ORDERS):
                both = [column for column in columns if _fits(text, column) and _fits(other, column)]
                if both and all(_span(other, column) < _span(text, column) for column in both):
                    yield {name: exp.Literal.string(other)}


def _span(text: str, column: Iterable[str]) -> timedelta:
    """From the first to the last of some values."""
    timestamps = [datetime.strptime(value, text) for value in column]
    return max(timestamps) - min(timestamps)


def _texts(values: Iterable[str]) -> exp.Array:
    return exp.Array(expressions=[exp.Literal.string(text) for text in values])


def _fits(text: str, column: Iterable[str]) -> bool:
    """Whether all of some values are moments as the text says, and there are any."""
    try:
        return bool([datetime.strptime(value, text) for value in column])
    except ValueError:
        return False


def _sniffed(
    connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], given: Options
) -> tuple[str, str | None, str | None]:
    """What DuckDB takes for the separator, the form of dates and that of timestamps."""
    named = [exp.EQ(this=exp.column(name), expression=value) for name, value in given.items()]
    sniffed = exp.func("sniff_csv", exp.Literal.string(str(files[0])), *named, dialect="duckdb")
    columns = map(exp.column, ("Delimiter", "DateFormat", "TimestampFormat"))
    (result,) = _fetched(connection, files, exp.select(*columns).from_(sniffed))
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
    present = _fetched(connection, files, exp.select("value").distinct().from_(values.subquery("texts")).where(within))
    return tuple(text for text in MISSING if (text,) in present)


def _fetched(connection: duckdb.DuckDBPyConnection, files: tuple[Path, ...], query: exp.Select) -> list[tuple]:
    try:
        return connection.execute(query.sql("duckdb")).fetchall()
    except duckdb.Error as error:
        raise unreadable(", ".join(file.name for file in files), error) from error
