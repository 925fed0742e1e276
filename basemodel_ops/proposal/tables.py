"""Files of rows, CSV or Parquet, as DuckDB reads them in place, and what their columns hold."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family, is_opaque, is_timestamp
from basemodel_ops.errors import DataError

READERS = {".parquet": "read_parquet", ".csv": "read_csv_auto", ".tsv": "read_csv_auto", ".csv.gz": "read_csv_auto"}
"""DuckDB's reader of each kind of file."""


@dataclass(frozen=True)
class SeenColumn:
    """A column: as the file names it, as models will, and what its values are."""

    raw: str
    name: str
    data_type: str
    distinct: int
    nulls: int
    first: datetime | None = None
    last: datetime | None = None

    @property
    def is_timestamp(self) -> bool:
        """Whether it is a timestamp or a date."""
        return is_timestamp(self.data_type)


@dataclass(frozen=True)
class SeenTable:
    """One file, or several of one layout that differ in a number, and its columns."""

    name: str
    paths: tuple[Path, ...]
    reader: str
    rows: int
    columns: tuple[SeenColumn, ...]

    def column(self, name: str) -> SeenColumn | None:
        """A column by the name that models will give it; None where there is none."""
        return next((seen_column for seen_column in self.columns if seen_column.name == name), None)

    @property
    def source(self) -> exp.Select:
        """All rows of the files, read in place."""
        paths = exp.Array(expressions=[exp.Literal.string(str(path)) for path in self.paths])
        return exp.select("*").from_(exp.func(self.reader, paths, dialect="duckdb"))


def look(paths: Iterable[Path]) -> list[SeenTable]:
    """The tables in these files, and in those directly in these folders, by name.

    Raises:
        DataError: there is no such file, none that can be read, or two of the same name.
    """
    files = dict.fromkeys(file for path in paths for file in _files(path))
    results: dict[str, SeenTable] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, same in _grouped(connection, list(files)).items():
            results[name] = _look(connection, name, same)
    if not results:
        raise DataError(f"There is no file of {', '.join(READERS)} in {', '.join(map(str, paths)) or 'nothing'}.")
    return [results[name] for name in sorted(results)]


def snake(name: str) -> str:
    """A name in lower case with `_` between words: `InvoiceNo`, `Customer ID` and `größe` are as models call them."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.strip())
    plain = re.sub(r"\W+", "_", parted).strip("_").lower()
    return plain if plain and not plain[0].isdigit() else f"column_{plain}".rstrip("_")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"There is no {path}.")
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    results = [file.resolve() for file in inside if _reader(file)]
    if not results and not path.is_dir():
        raise DataError(f"{path} is no file that is read: {', '.join(READERS)}.")
    return results


def _reader(file: Path) -> str | None:
    return next((reader for ending, reader in READERS.items() if file.name.lower().endswith(ending)), None)


def _described(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> list[tuple[str, str]]:
    """Names and types of columns."""
    try:
        rows = connection.execute(f"describe {table.source.sql('duckdb')}").fetchall()
    except duckdb.Error as error:
        raise DataError(f"{table.paths[0]} cannot be read: {error}") from error
    return [(raw, kind) for raw, kind, *_ in rows]


def _grouped(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> dict[str, tuple[Path, ...]]:
    """Files by the name of their table; those of one layout whose names differ in numbers are one table."""
    alike: dict[tuple, list[Path]] = {}
    for file in files:
        stem, reader = snake(file.name.split(".")[0]), _reader(file) or ""
        described = _described(connection, SeenTable(stem, (file,), reader, 0, ()))
        layout = tuple((raw, family(kind)) for raw, kind in described)
        alike.setdefault((re.sub(r"_?\d+", "", stem), file.suffix, layout), []).append(file)
    results: dict[str, tuple[Path, ...]] = {}
    for (stem, *_), same in alike.items():
        name = (stem.strip("_") or "events") if len(same) > 1 else snake(same[0].name.split(".")[0])
        if name in results:
            raise DataError(f"{same[0]} and {results[name][0]} would both be the table {name}. Rename one.")
        results[name] = tuple(sorted(same))
    return results


def _look(connection: duckdb.DuckDBPyConnection, name: str, files: tuple[Path, ...]) -> SeenTable:
    table = SeenTable(name, files, _reader(files[0]) or "", 0, ())
    rows = exp.select(exp.Count(this=exp.Star())).from_(table.source.subquery("rows"))
    described = _described(connection, table)
    try:
        (total,) = connection.execute(rows.sql("duckdb")).fetchone() or (0,)
        columns = [_column(connection, table, raw, kind) for raw, kind in described if not is_opaque(kind)]
    except duckdb.Error as error:
        raise DataError(f"{files[0]} cannot be read: {error}") from error
    keywords = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    reserved = {word for (word,) in connection.execute(keywords).fetchall()}
    taken: dict[str, int] = {}
    named = []
    for seen_column in columns:
        current = f"{seen_column.name}_value" if seen_column.name in reserved else seen_column.name
        taken[current] = taken.get(current, 0) + 1
        current = current if taken[current] == 1 else f"{current}_{taken[current]}"
        named.append(
            SeenColumn(
                seen_column.raw,
                current,
                seen_column.data_type,
                seen_column.distinct,
                seen_column.nulls,
                seen_column.first,
                seen_column.last,
            )
        )
    return SeenTable(name, files, table.reader, total, tuple(named))


def _column(connection: duckdb.DuckDBPyConnection, table: SeenTable, raw: str, kind: str) -> SeenColumn:
    column = exp.column(raw, quoted=True)
    queried = [exp.Count(this=exp.Distinct(expressions=[column])), exp.Count(this=column), exp.Count(this=exp.Star())]
    if is_timestamp(kind):
        timestamp = exp.cast(column, "timestamp")
        queried += [exp.Min(this=timestamp), exp.Max(this=timestamp.copy())]
    query = exp.select(*queried).from_(table.source.subquery("rows"))
    distinct, known, total, *ends = connection.execute(query.sql("duckdb")).fetchone() or (0, 0, 0)
    return SeenColumn(raw, snake(raw), kind.lower(), distinct, total - known, *ends)
