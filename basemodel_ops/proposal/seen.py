"""What is seen of tables that are there: their columns, as they name them and as models will."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from basemodel_ops.contract.inference import WHOLE_NUMBER, family, is_timestamp

BEGINNING = re.compile(
    r"(^|_)(sign(ed)?_?up|regist(ered|ration)|created|joined|enrol(l)?ed|entered|entry|admi(tted|ssion)|hired|opened|activated|onboarded|debut|since|valid_from)"
    r"(_|$)"
)
"""Words for the day from which on somebody is known."""

YEAR = re.compile(r"(^|_)(year|yob)(_|$)")
"""Words for a year, as of birth."""


def _is_whole(data_type: str) -> bool:
    """Whether values of a type are whole numbers."""
    return family(data_type) == "number" and WHOLE_NUMBER.search(data_type) is not None


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
    ticks: int = 0
    """In a second, where it is a number that counts them since 1970; else 0."""
    is_year: bool = False
    """Whether it is a number of a year, of which models make a date: so rows know how long ago it was."""
    mentions: str = ""
    """The table of facts whose keys its values are, if it is not called like these."""

    days_apart: float | None = None
    """Of rows of one value by the table's moments, in the median of values that it has on several days."""

    @property
    def is_timestamp(self) -> bool:
        """Whether it is a timestamp or a date, or a number that stands for one."""
        return is_timestamp(self.data_type) or self.ticks > 0 or self.is_year

    @property
    def is_name(self) -> bool:
        """Whether its values may name something: texts and whole numbers that are no moments."""
        return family(self.data_type) in ("text", "number") and not self.is_timestamp


@dataclass(frozen=True)
class SeenTable:
    """A table of a database, one file, or several of one layout that differ in a number; and its columns."""

    name: str
    paths: tuple[Path, ...]
    read: exp.Expr
    """What stands after `from`."""
    rows: int
    columns: tuple[SeenColumn, ...]
    dialect: str = "duckdb"
    """Of the warehouse that it is in."""
    is_sampled: bool = False
    """Whether only some rows were looked at, so that its numbers are estimates."""
    copy_of: str = ""
    """The table that has the same rows, if there is one to be read instead."""
    repeated: int = 0
    """Rows that another of its files holds as well, which are read once."""
    unread: tuple[tuple[str, str], ...] = ()
    """Columns as they are called, and their types, of which no value is read: a structure, a list, an interval."""

    @property
    def database(self) -> str | None:
        """The name by which its DuckDB file is attached; None of other files."""
        return self.read.catalog if isinstance(self.read, exp.Table) else None

    @property
    def origin(self) -> str:
        """Where it is, in words."""
        files = ", ".join(path.name for path in self.paths)
        if not isinstance(self.read, exp.Table):
            return files
        return f"{self.read.name} of {files}" if files else f"{self.read.db}.{self.read.name}"

    @property
    def time(self) -> SeenColumn | None:
        """The column of the most precise moments; None where there is none."""
        times = (column for column in self.columns if column.is_timestamp and column.first)
        return max(times, key=_precision, default=None)

    @property
    def valid_from(self) -> str | None:
        """The column that by its name says when whoever a row is about began; None where none is known of every row."""
        named = (c for c in self.columns if c.is_timestamp and not (c.is_year or c.nulls) and c.distinct > 1)
        return next((c.name for c in named if BEGINNING.search(c.name.lower())), None)

    def with_years(self) -> "SeenTable":
        """The same table, whose whole numbers that are called years stand for dates, if its rows are dated."""
        if self.valid_from is None:
            return self
        years = [bool(YEAR.search(c.name.lower()) and _is_whole(c.data_type)) for c in self.columns]
        columns = tuple(replace(c, is_year=is_year) for c, is_year in zip(self.columns, years, strict=True))
        return replace(self, columns=columns)

    def column(self, name: str) -> SeenColumn | None:
        """A column by the name that models will give it; None where there is none."""
        return next((seen_column for seen_column in self.columns if seen_column.name == name), None)

    def is_key(self, column: SeenColumn) -> bool:
        """Whether every row has a value of its own in a column, which is no moment."""
        return column.is_name and column.distinct == self.rows > 1 and not column.nulls

    def comes_again(self, column: SeenColumn) -> bool:
        """Whether its values, which are no moments, stand twice on average: so it may say whose rows these are."""
        return column.is_name and 2 <= column.distinct <= (self.rows - column.nulls) / 2

    @property
    def source(self) -> exp.Select:
        """All rows, read in place."""
        return exp.select("*").from_(self.read.copy())


def _precision(column: SeenColumn) -> tuple[bool, int]:
    """Timestamps before dates, then whatever has most values."""
    return column.data_type.startswith("timestamp") or column.ticks > 0, column.distinct
