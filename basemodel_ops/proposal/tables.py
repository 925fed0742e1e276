"""Files of rows, CSV, Parquet or DuckDB's own, as DuckDB reads them in place, and what their columns hold."""

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family, is_opaque, is_timestamp
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.copies import with_copies
from basemodel_ops.proposal.databases import ENDINGS, attach, is_database, is_duckdb, placed, relations
from basemodel_ops.proposal.files import READERS, described_columns, read_once, reader_of, unreadable
from basemodel_ops.proposal.mentions import with_mentions
from basemodel_ops.proposal.moments import timestamp_of_column
from basemodel_ops.proposal.rhythm import with_rhythm
from basemodel_ops.proposal.seen import SeenColumn, SeenTable
from basemodel_ops.proposal.spellings import read_of

CLOCK = re.compile(r"(^|_)(time|timestamp|ts|epoch|date|datetime|at|on|ms)(_|$)")
"""Words for numbers that may be moments."""

FIRST_VALUES = 100
"""Of texts, which are asked whether they are moments before all are."""

FIRST, LAST = 315_532_800, 4_102_444_800
"""Seconds from 1970 to 1980 and to 2100."""

READ = ", ".join([*READERS, *ENDINGS])


def look(paths: Iterable[Path]) -> list[SeenTable]:
    """The tables in these files and databases, and in those in these folders and below them, by name.

    Raises:
        DataError: there is no such file, none that can be read, or two of the same name.
    """
    named = [placed(path) for path in paths]
    paths = [path for path, _ in named]
    files: dict[Path, list[str]] = {}
    for path, location in named:
        for file in _files(path):
            files.setdefault(file, []).extend([location] if location else [])
    results: dict[str, SeenTable] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for table in _grouped(connection, [file for file in files if not is_database(file)]):
            results[table.name] = look_at(connection, table)
        taken: set[str] = set()
        for file in filter(is_database, files):
            alias = _free(f"from_{snake(file.name.rsplit('.', 1)[0])}", taken)
            attach(connection, file, alias)
            for relation in relations(connection, file, alias, files[file]):
                name = model_name(relation.name)
                if name in results:
                    first = results[name].paths[0]
                    raise DataError(
                        f"{relation.db}.{relation.name} of {file} and one of {first} would both be the table {name}. "
                        f"Name those that are meant, `{file}:schema` or `{file}:schema.table` each."
                    )
                results[name] = look_at(connection, SeenTable(name, (file,), relation, 0, ()))
        if not results:
            raise DataError(_no_table(paths))
        tables = with_copies(connection, [results[name] for name in sorted(results)])
        return with_rhythm(connection, with_mentions(connection, tables))


def snake(name: str) -> str:
    """A name in lower case with `_` between words: `InvoiceNo`, `Customer ID` and `größe` are as models call them."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    plain = re.sub(r"\W+", "_", parted).strip("_").lower()
    return plain if plain and not plain[0].isdigit() else f"column_{plain}".rstrip("_")


def model_name(name: str) -> str:
    """The name of a model on a table: as `snake`, in letters without accents, as Dagster names steps after models."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return snake(plain) if re.search(r"\w", plain) else "table"


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"There is no {path}.")
    if path.is_dir():
        return [file.resolve() for file in sorted(_below(path)) if reader_of(file) or is_duckdb(file)]
    if not (reader_of(path) or is_database(path)):
        raise DataError(f"{path} is no file that is read: {READ}.")
    return [path.resolve()]


def _below(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those below it, but for hidden ones."""
    for path in folder.iterdir():
        if not path.name.startswith((".", "_")):
            yield from _below(path) if path.is_dir() and not path.is_symlink() else [path]


def _stem(file: Path) -> str:
    """What the rows of a file are called: of `sales/year=2024/part-0.parquet`, sales."""
    folders = [folder for folder in file.parents if "=" not in folder.name]
    return model_name(folders[0].name if "=" in file.parent.name else file.name.split(".")[0])


def _no_table(paths: list[Path]) -> str:
    """What is there instead of tables, and the way out."""
    held = sorted(path.name for folder in paths if folder.is_dir() for path in _below(folder))
    shown = f"{', '.join(held[:5])}{' and more' if len(held) > 5 else ''}"
    return f"There is no table in {', '.join(map(str, paths))}. What is read: {READ}." + (
        f" There are {shown}: name copies of those that are texts with separators .csv." if held else ""
    )


def _free(name: str, taken: set[str]) -> str:
    """A name that is not taken, with a number if it must be; it is, from now on."""
    names = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
    result = next(name for name in names if name not in taken)
    taken.add(result)
    return result


def _grouped(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> list[SeenTable]:
    """The tables of files, not looked at yet; files of one layout whose names differ in numbers are one."""
    alike: dict[tuple, list[SeenTable]] = {}
    for file in files:
        stem = _stem(file)
        table = SeenTable(stem, (file,), read_of(connection, (file,)), 0, ())
        layout = tuple((raw, family(kind)) for raw, kind in described_columns(connection, table))
        alike.setdefault((re.sub(r"_?\d+", "", stem), file.suffix, layout), []).append(table)
    results: dict[str, SeenTable] = {}
    for (stem, *_), same in alike.items():
        table = same[0]
        if len(same) > 1:
            paths = tuple(sorted(path for part in same for path in part.paths))
            table = read_once(
                connection, SeenTable(stem.strip("_") or "events", paths, read_of(connection, paths), 0, ())
            )
        if table.name in results:
            raise DataError(
                f"{table.paths[0]} and {results[table.name].paths[0]} would both be the table {table.name}. Rename one."
            )
        results[table.name] = table
    return list(results.values())


def look_at(
    connection: duckdb.DuckDBPyConnection, table: SeenTable, reserved: Collection[str] = frozenset(),
    named: Callable[[str], str] = snake,
) -> SeenTable:  # fmt: skip
    """A table with its rows and columns.

    Args:
        connection: Of DuckDB, in which the table can be read.
        table: Not looked at yet.
        reserved: Names that no column can have in another warehouse, beside DuckDB's.
        named: What models call a column.

    Raises:
        DataError: it cannot be read.
    """
    rows = exp.select(exp.Count(this=exp.Star())).from_(table.source.subquery("rows"))
    described = described_columns(connection, table)
    try:
        (total,) = connection.execute(rows.sql("duckdb")).fetchone() or (0,)
        columns = [_column(connection, table, raw, kind) for raw, kind in described if not is_opaque(kind)]
    except duckdb.Error as error:
        raise unreadable(table.origin, error) from error
    # In DuckDB words such as `at`, `left` and `like` are no names of columns either.
    categories = "'reserved'" if reserved else "'reserved', 'type_function'"
    keywords = f"select keyword_name from duckdb_keywords() where keyword_category in ({categories})"
    reserved = {*reserved, *(word for (word,) in connection.execute(keywords).fetchall())}
    taken: dict[str, int] = {}
    results = []
    for seen_column in columns:
        name = named(seen_column.raw)
        current = f"{name}_value" if name in reserved else name
        taken[current] = taken.get(current, 0) + 1
        current = current if taken[current] == 1 else f"{current}_{taken[current]}"
        results.append(replace(seen_column, name=current))
    unread = tuple((raw, kind.lower()) for raw, kind in described if is_opaque(kind))
    return replace(table, rows=total, columns=tuple(results), unread=unread)


def _column(connection: duckdb.DuckDBPyConnection, table: SeenTable, raw: str, kind: str) -> SeenColumn:
    """A column, not named yet."""
    column, ticks = exp.column(raw, quoted=True), 0
    if family(kind) in ("number", "floating") and CLOCK.search(snake(raw)):
        ticks = _ticks(connection, table, column)
    elif family(kind) == "text" and _is_written_timestamp(connection, table, column):
        kind = "timestamp"
    queried = [exp.Count(this=exp.Distinct(expressions=[column])), exp.Count(this=column), exp.Count(this=exp.Star())]
    if is_timestamp(kind) or ticks:
        timestamp = timestamp_of_column(column, ticks)
        queried += [exp.Min(this=timestamp), exp.Max(this=timestamp.copy())]
    query = exp.select(*queried).from_(table.source.subquery("rows"))
    distinct, known, total, *ends = connection.execute(query.sql("duckdb")).fetchone() or (0, 0, 0)
    first, last = ends or (None, None)
    return SeenColumn(raw, raw, kind.lower(), distinct, total - known, first, last, ticks)


def _is_written_timestamp(connection: duckdb.DuckDBPyConnection, table: SeenTable, column: exp.Column) -> bool:
    """Whether all texts are moments of UTC from 1980 to 2099 as DuckDB casts them; the first are asked before all are.

    A cast of a text to a timestamp drops its zone without a word, so texts of other zones are none.
    """
    known = exp.select(column).from_(table.source.subquery("rows")).where(column.copy().is_(exp.null()).not_())
    written = exp.TryCast(this=column.copy(), to=exp.DataType.build("timestamp"))
    in_utc = exp.cast(exp.TryCast(this=column.copy(), to=exp.DataType.build("timestamptz")), "timestamp")
    seconds = exp.func("epoch", written.copy(), dialect="duckdb")
    is_moment = exp.and_(written.eq(in_utc), seconds >= FIRST, seconds.copy() < LAST)
    counts = exp.func("count_if", is_moment, dialect="duckdb"), exp.Count(this=exp.Star())
    for values in (known.copy().limit(FIRST_VALUES), known):
        query = exp.select(*counts).from_(values.subquery("known"))
        moments, total = connection.execute(query.sql("duckdb")).fetchone() or (0, 0)
        if not moments or moments < total:
            return False
    return True


def _ticks(connection: duckdb.DuckDBPyConnection, table: SeenTable, column: exp.Column) -> int:
    """How many a second has of what a number counts, where all are moments from 1980 to 2099; else 0."""
    ends = exp.select(exp.Min(this=column), exp.Max(this=column.copy())).from_(table.source.subquery("rows"))
    low, high = connection.execute(ends.sql("duckdb")).fetchone() or (None, None)
    if low is None or high is None:
        return 0
    return next((ticks for ticks in (1, 1_000, 1_000_000) if FIRST * ticks <= low <= high < LAST * ticks), 0)
