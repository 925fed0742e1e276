"""Tables of a warehouse over a network, as a sample of each shows them: none is read as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import duckdb
import pyarrow as pa
from sqlglot import exp, parse_one

from basemodel_ops.contract.inference import family, is_opaque
from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.copies import with_copies
from basemodel_ops.proposal.databases import chosen
from basemodel_ops.proposal.mentions import with_mentions
from basemodel_ops.proposal.rhythm import with_rhythm
from basemodel_ops.proposal.seen import SeenColumn, SeenTable
from basemodel_ops.proposal.tables import look_at, model_name, snake
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.sql import SqlWarehouse

ROWS = 50_000
"""Of a view, which cannot be sampled without being computed, as many rows as come first."""

BEGINNING = 256
"""Of a long text or blob, characters or bytes that are looked at."""

KNOWN = ("boolean", "text", "bytes", "floating", "number", "moment", "time")
"""Families of data types that a model can be given; others are left out."""


@dataclass(frozen=True)
class Database(ABC):
    """A database, and what kinds of them do each in its own way."""

    warehouse: SqlWarehouse
    dialect: ClassVar[str]
    """Its name among warehouses, which also stands before a place in it."""
    title: ClassVar[str]
    named: ClassVar[Callable[[str], str]] = staticmethod(snake)
    """What models call a column."""

    @abstractmethod
    def tables(self) -> list[tuple[str, str, str]]:
        """Schema, name and kind (`BASE TABLE`, or another) of tables and views, ordered."""

    @abstractmethod
    def reserved(self) -> set[str]:
        """Words that no column can be called without quotes, in lower case."""

    @abstractmethod
    def columns(self, relation: Relation) -> dict[str, str]:
        """Data types that values can be cast to, in lower case, by the names that columns have there."""

    @abstractmethod
    def share_of(self, relation: Relation, table: exp.Table) -> float:
        """Have a large table sampled where a query reads it; the share of its rows that is."""

    def spelled(self, there: list[tuple[str, str, str]], names: Iterable[str]) -> list[str]:
        """Places as the database spells them."""
        return list(names)

    def table(self, relation: Relation) -> exp.Table:
        """A table in a query."""
        return table_of(relation)

    def column(self, raw: str, kind: str) -> exp.Expr:
        """A column as it is looked at: of long values the beginning."""
        column = column_of(raw)
        return self.beginning(column, kind) if family(kind) in ("text", "bytes") else column

    def beginning(self, column: exp.Expr, kind: str) -> exp.Expr:
        """The beginning of a text or of bytes."""
        ends = exp.Literal.number(1), exp.Literal.number(BEGINNING)
        return exp.func("substring", column, *ends, dialect=self.dialect)

    def kind_of(self, connection: duckdb.DuckDBPyConnection, rows: exp.Table, column: exp.Column, kind: str) -> str:
        """The data type that values are cast to, now that some are here."""
        return kind

    def schemas(self) -> set[str]:
        """The schemas that hold something, as dbt names schemas."""
        return {schema for schema, _, _ in self.tables()}

    def rows(self, query: str | exp.Query) -> list[tuple]:
        """The rows of a query, if it is a text in the database's own dialect."""
        parsed = parse_one(query, dialect=self.dialect) if isinstance(query, str) else query
        result = self.warehouse.read(parsed)  # pyright: ignore[reportArgumentType]
        return [tuple(row.values()) for row in result.to_pylist()]


def look_into(database: Database, names: Iterable[str]) -> list[SeenTable]:
    """The tables and views of a database, by name.

    Args:
        database: Where they are.
        names: A `schema`, or a `schema.table`, each.

    Raises:
        DataError: there is no such place, nothing in it, or two tables of the same name.
        WarehouseError: the database cannot be reached or read.
    """
    there, reserved = database.tables(), database.reserved()
    named = database.spelled(there, names)
    results: dict[str, SeenTable] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for schema, raw, kind in chosen(there, named, f"the {database.title} database", database.dialect):
            name = model_name(raw)
            if name in results:
                raise DataError(
                    f"{schema}.{raw} and {results[name].origin} would both be the table {name}. Name those that are "
                    f"meant, `{database.dialect}:schema.table` each."
                )
            relation = Relation(schema_name=schema, name=raw)
            results[name] = _look(connection, database, relation, name, reserved, is_view=kind != "BASE TABLE")
        tables = [results[name] for name in sorted(results)]
        looked_at = [replace(table, read=exp.table_(table.name, quoted=True)) for table in tables]
        described = with_rhythm(connection, with_mentions(connection, with_copies(connection, looked_at)))
    return [replace(current, read=table.read) for current, table in zip(described, tables, strict=True)]


def _look(
    connection: duckdb.DuckDBPyConnection, database: Database, relation: Relation, name: str, reserved: set[str],
    is_view: bool,
) -> SeenTable:  # fmt: skip
    """A table by its sample, which is a table of its name in DuckDB afterwards."""
    there = database.columns(relation)
    kinds = {raw: kind for raw, kind in there.items() if not is_opaque(kind) and family(kind) in KNOWN}
    if alike := [raw for raw in kinds if sum(raw.lower() == other.lower() for other in kinds) > 1]:
        raise DataError(
            f"Columns of {relation} differ in capitals only: {', '.join(alike)}. Give them other names in a view, and "
            f"name that, `{database.dialect}:schema.view`."
        )
    rows, share = _sample(database, relation, kinds, is_view)
    read = exp.table_(relation.name, db=relation.schema_name, quoted=True)
    connection.register(name, rows)
    looked_at = exp.table_(name, quoted=True)
    table = SeenTable(name, (), looked_at, rows.num_rows, ())
    seen = look_at(connection, table, reserved, database.named) if kinds else table
    total = round(seen.rows / share)
    columns = []
    for column in seen.columns:
        quoted = exp.column(column.raw, quoted=True)
        kind = database.kind_of(connection, looked_at, quoted, kinds[column.raw])
        columns.append(replace(_of_all(connection, looked_at, seen, column, total), data_type=kind))
    is_sampled = share < 1 or (is_view and rows.num_rows == ROWS)
    unread = tuple((raw, kind) for raw, kind in there.items() if raw not in kinds)
    return SeenTable(name, (), read, total, tuple(columns), database.dialect, is_sampled=is_sampled, unread=unread)


def _sample(database: Database, relation: Relation, kinds: dict[str, str], is_view: bool) -> tuple[pa.Table, float]:
    """Rows from all over a table, and about which share of all they are; the first rows of a view."""
    columns = [
        exp.alias_(database.column(raw, kind), f"column_{number}", quoted=True)
        for number, (raw, kind) in enumerate(kinds.items())
    ]
    table = database.table(relation)
    share = 1.0 if is_view else database.share_of(relation, table)
    query = exp.select(*columns or [exp.Literal.number(1)]).from_(table, copy=False)
    rows = database.warehouse.read(query.limit(ROWS) if is_view else query)
    return rows.rename_columns(list(kinds)) if kinds else rows, share


def _of_all(
    connection: duckdb.DuckDBPyConnection, rows: exp.Table, seen: SeenTable, column: SeenColumn, total: int
) -> SeenColumn:
    """What a column of a sample says of all rows."""
    quoted, looked_at = exp.column(column.raw, quoted=True), seen.rows
    if looked_at == total:
        return column
    known = looked_at - column.nulls
    times = exp.select(exp.alias_(exp.Count(this=exp.Star()), "times")).from_(rows).group_by(quoted.copy())
    times = times.where(quoted.is_(exp.null()).not_())
    pairs = exp.select(exp.func("sum", parse_one("times * (times - 1) // 2", dialect="duckdb")))
    # Fetched to its end, as no table is registered beside an open result.
    ((equal,),) = connection.execute(pairs.from_(times.subquery("values")).sql("duckdb")).fetchall()
    nulls = round(column.nulls * total / looked_at)
    # Two of N values that come equally often are the same one time in N; where no two are, each stands once.
    there = total - nulls
    distinct = min(there - 1, known * (known - 1) // (2 * int(equal))) if equal else there
    return replace(column, distinct=max(column.distinct, distinct), nulls=nulls)
