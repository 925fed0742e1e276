"""Tables of a PostgreSQL database, as a sample of each shows them: none is read as a whole."""

from collections.abc import Iterable
from dataclasses import replace

import duckdb
import pyarrow as pa
from sqlglot import exp, parse_one

from basemodel_ops.contract.inference import family, is_opaque
from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.copies import with_copies
from basemodel_ops.proposal.databases import chosen
from basemodel_ops.proposal.mentions import with_mentions
from basemodel_ops.proposal.seen import SeenColumn, SeenTable
from basemodel_ops.proposal.tables import look_at, model_name
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.sql import SqlWarehouse

PAGES = 500
"""Of a larger table only so many pages (8 kB) are read, from all over it: tens of thousands of rows."""

ROWS = 50_000
"""Of a view, which has no pages, as many rows as come first."""

BEGINNING = 256
"""Of a long text or blob, characters or bytes that are looked at."""

KNOWN = ("boolean", "text", "bytes", "floating", "number", "moment", "time")
"""Families of data types that a model can be given; others are left out."""

TABLES = """
select tables.table_schema, tables.table_name, tables.table_type from information_schema.tables as tables
where tables.table_schema not in ('information_schema', 'pg_catalog') and exists (
    select 1 from information_schema.columns as columns
    where columns.table_schema = tables.table_schema and columns.table_name = tables.table_name
)
order by 1, 2
"""
SIZE = """
select coalesce((select sum(pg_relation_size(relid)) from pg_partition_tree(c.oid)), pg_relation_size(c.oid)) / 8192
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = :schema and c.relname = :name
"""
RESERVED = "select cast(word as text) from pg_get_keywords() where catcode in ('R', 'T')"


def schemas(warehouse: SqlWarehouse) -> set[str]:
    """The schemas of a database that hold something."""
    return {schema for schema, _, _ in _rows(warehouse, TABLES)}


def look_in(warehouse: SqlWarehouse, places: Iterable[str]) -> list[SeenTable]:
    """The tables and views of a database, by name.

    Args:
        warehouse: Of PostgreSQL.
        places: A `schema`, or a `schema.table`, each.

    Raises:
        DataError: there is no such place, nothing in it, or two tables of the same name.
        WarehouseError: the database cannot be reached or read.
    """
    there = _rows(warehouse, TABLES)
    reserved = {word for (word,) in _rows(warehouse, RESERVED)}
    results: dict[str, SeenTable] = {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for schema, raw, kind in chosen(there, list(places), "the PostgreSQL database", "postgres"):
            name = model_name(raw)
            if name in results:
                raise DataError(
                    f"{schema}.{raw} and {results[name].origin} would both be the table {name}. Name those that are "
                    "meant, `postgres:schema.table` each."
                )
            relation = Relation(schema_name=schema, name=raw)
            results[name] = _look(connection, warehouse, relation, name, reserved, has_pages=kind == "BASE TABLE")
        tables = [results[name] for name in sorted(results)]
        looked_at = [replace(table, read=exp.table_(table.name, quoted=True)) for table in tables]
        told = with_mentions(connection, with_copies(connection, looked_at))
    return [replace(current, read=table.read) for current, table in zip(told, tables, strict=True)]


def _look(
    connection: duckdb.DuckDBPyConnection, warehouse: SqlWarehouse, relation: Relation, name: str, reserved: set[str],
    has_pages: bool,
) -> SeenTable:  # fmt: skip
    """A table by its sample, which is a table of its name in DuckDB afterwards."""
    kinds = {raw: _castable(kind) for raw, kind in warehouse.columns(relation).items()}
    kinds = {raw: kind for raw, kind in kinds.items() if not is_opaque(kind) and family(kind) in KNOWN}
    rows, share = _sample(warehouse, relation, kinds, has_pages)
    read = exp.table_(relation.name, db=relation.schema_name, quoted=True)
    connection.register(name, rows)
    looked_at = exp.table_(name, quoted=True)
    table = SeenTable(name, (), looked_at, rows.num_rows, ())
    seen = look_at(connection, table, reserved) if kinds else table
    total = round(seen.rows / share)
    columns = tuple(_of_all(connection, looked_at, seen, column, kinds[column.raw], total) for column in seen.columns)
    is_sampled = share < 1 or (not has_pages and rows.num_rows == ROWS)
    return SeenTable(name, (), read, total, columns, "postgres", is_sampled=is_sampled)


def _castable(kind: str) -> str:
    """A data type as the catalogue names it, or one that values can be cast to: an enum has no name there."""
    kind = kind.lower()
    return "text" if kind in ("user-defined", "character") else kind


def _sample(
    warehouse: SqlWarehouse, relation: Relation, kinds: dict[str, str], has_pages: bool
) -> tuple[pa.Table, float]:
    """Rows from all over a table, and about which share of all they are; the first rows of a view."""
    columns = [exp.alias_(_beginning(raw, kind), raw, quoted=True) for raw, kind in kinds.items()]
    table = table_of(relation)
    query = exp.select(*columns or [exp.Literal.number(1)]).from_(table, copy=False)
    if not has_pages:
        return warehouse.read(query.limit(ROWS)), 1.0
    size = exp.replace_placeholders(
        parse_one(SIZE, dialect="postgres"), schema=relation.schema_name, name=relation.name
    )
    ((pages,),) = _rows(warehouse, size.sql("postgres"))
    if pages <= PAGES:
        return warehouse.read(query), 1.0
    share = PAGES / float(pages)
    part = exp.TableSample(
        method=exp.var("SYSTEM"), percent=exp.Literal.number(100 * share), seed=exp.Literal.number(0)
    )
    table.set("sample", part)
    return warehouse.read(query), share


def _beginning(raw: str, kind: str) -> exp.Expr:
    """A column as it is looked at: long values from their beginning, decimals of any number of digits as doubles."""
    column = column_of(raw)
    if family(kind) in ("text", "bytes"):
        column = exp.cast(column, "text") if family(kind) == "text" else column
        return exp.func("substring", column, exp.Literal.number(1), exp.Literal.number(BEGINNING), dialect="postgres")
    return exp.cast(column, "double") if kind == "numeric" else column


def _of_all(
    connection: duckdb.DuckDBPyConnection, rows: exp.Table, seen: SeenTable, column: SeenColumn, kind: str, total: int
) -> SeenColumn:
    """What a column of a sample says of all rows, under its data type in the database."""
    quoted, looked_at = exp.column(column.raw, quoted=True), seen.rows
    if kind == "numeric":
        is_whole = exp.func("trunc", quoted, dialect="duckdb").eq(quoted)
        query = exp.select(exp.func("coalesce", exp.LogicalAnd(this=is_whole), exp.true())).from_(rows)
        # Decimals are read with nine digits after the point; more come of every division.
        kind = "numeric" if connection.execute(query.sql("duckdb")).fetchone() == (True,) else "double precision"
    if looked_at == total:
        return replace(column, data_type=kind)
    known = looked_at - column.nulls
    times = exp.select(exp.alias_(exp.Count(this=exp.Star()), "times")).from_(rows).group_by(quoted.copy())
    times = times.where(quoted.is_(exp.null()).not_())
    pairs = exp.select(exp.func("sum", parse_one("times * (times - 1) // 2", dialect="duckdb")))
    (equal,) = connection.execute(pairs.from_(times.subquery("values")).sql("duckdb")).fetchone() or (0,)
    nulls = round(column.nulls * total / looked_at)
    # Two of N values that come equally often are the same one time in N; where no two are, each stands once.
    there = total - nulls
    distinct = min(there - 1, known * (known - 1) // (2 * int(equal))) if equal else there
    return replace(column, data_type=kind, distinct=max(column.distinct, distinct), nulls=nulls)


def _rows(warehouse: SqlWarehouse, query: str) -> list[tuple]:
    return [tuple(row.values()) for row in warehouse.read(parse_one(query, dialect="postgres")).to_pylist()]  # pyright: ignore[reportArgumentType]
