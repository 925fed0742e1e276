"""Tables of a PostgreSQL database: large ones by some of their pages."""

import duckdb
from sqlglot import exp, parse_one

from basemodel_ops.contract.inference import family
from basemodel_ops.contract.types import Relation
from basemodel_ops.proposal.sampled import Database
from basemodel_ops.warehouse.queries import column_of

PAGES = 500
"""Of a larger table only so many pages (8 kB) are read, from all over it: tens of thousands of rows."""

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


class PostgresDatabase(Database):
    """PostgreSQL's."""

    dialect, title = "postgres", "PostgreSQL"

    def tables(self) -> list[tuple[str, str, str]]:
        """Those that have columns."""
        return self.rows(TABLES)

    def reserved(self) -> set[str]:
        """As the server tells them."""
        return {word for (word,) in self.rows(RESERVED)}

    def columns(self, relation: Relation) -> dict[str, str]:
        """An enum has no name in the catalogue that values could be cast to: it is text."""
        kinds = {raw: kind.lower() for raw, kind in self.warehouse.columns(relation).items()}
        return {raw: "text" if kind in ("user-defined", "character") else kind for raw, kind in kinds.items()}

    def share_of(self, relation: Relation, table: exp.Table) -> float:
        """By pages, from all over the table."""
        size = parse_one(SIZE, dialect="postgres")
        size = exp.replace_placeholders(size, schema=relation.schema_name, name=relation.name)
        ((pages,),) = self.rows(size.sql("postgres"))
        if pages <= PAGES:
            return 1.0
        share = PAGES / float(pages)
        percent, seed = exp.Literal.number(100 * share), exp.Literal.number(0)
        table.set("sample", exp.TableSample(method=exp.var("SYSTEM"), percent=percent, seed=seed))
        return share

    def column(self, raw: str, kind: str) -> exp.Expr:
        """Decimals of any number of digits are doubles."""
        return exp.cast(column_of(raw), "double") if kind == "numeric" else super().column(raw, kind)

    def beginning(self, column: exp.Expr, kind: str) -> exp.Expr:
        """Enums and others are texts first."""
        return super().beginning(exp.cast(column, "text") if family(kind) == "text" else column, kind)

    def kind_of(self, connection: duckdb.DuckDBPyConnection, rows: exp.Table, column: exp.Column, kind: str) -> str:
        """Decimals are read with nine digits after the point; more come of every division."""
        if kind != "numeric":
            return kind
        is_whole = exp.func("trunc", column, dialect="duckdb").eq(column)
        query = exp.select(exp.func("coalesce", exp.LogicalAnd(this=is_whole), exp.true())).from_(rows)
        return "numeric" if connection.execute(query.sql("duckdb")).fetchall() == [(True,)] else "double precision"
