"""Tables of a Snowflake database: large ones by some of their rows."""

from collections.abc import Iterable

from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.proposal.sampled import ROWS, Database
from basemodel_ops.proposal.tables import model_name
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.session import information

TABLES = """
select table_schema, table_name, max(table_type) as table_type
from (
    select table_schema, table_name, table_type from information_schema.tables
    union all
    select table_schema, table_name, 'VIEW' as table_type from information_schema.views
) as relations
where table_schema <> 'INFORMATION_SCHEMA'
group by table_schema, table_name
order by table_schema, table_name
"""
RESERVED = (
    "all alter and any as between by case cast check column connect constraint create cross current current_date "
    "current_time current_timestamp current_user delete distinct drop else exists false following for from full grant "
    "group having ilike in increment inner insert intersect into is join lateral left like localtime localtimestamp "
    "minus natural not null of on or order qualify regexp revoke right rlike row rows sample select set some start "
    "table tablesample then to trigger true try_cast union unique update using values when whenever where with"
)
"""Words that Snowflake's manual reserves; no table of it tells them."""

KINDS = {"TEXT": "varchar"}
"""Data types that the catalogue names otherwise than most people."""


class SnowflakeDatabase(Database):
    """Snowflake's. Names are rendered here, as they are spelled: the warehouse would put them into upper case."""

    dialect, title = "snowflake", "Snowflake"
    named = staticmethod(model_name)  # dbt does not quote names there, so they are plain letters

    def tables(self) -> list[tuple[str, str, str]]:
        """Views stand in a table of their own as well."""
        return self.rows(TABLES)

    def schemas(self) -> set[str]:
        """In lower case, as dbt names those that it makes in upper case."""
        return {schema.lower() for schema in super().schemas()}

    def reserved(self) -> set[str]:
        """As the manual lists them."""
        return set(RESERVED.split())

    def columns(self, relation: Relation) -> dict[str, str]:
        """A `number` alone would have no digits behind the point, so numbers have theirs."""
        names = ("column_name", "data_type", "numeric_precision", "numeric_scale")
        query = exp.select(*map(column_of, names)).from_(information("columns"))
        for name, value in (("table_schema", relation.schema_name), ("table_name", relation.name)):
            query = query.where(column_of(name).eq(exp.Literal.string(value)))
        return {
            raw: f"number({precision},{scale})" if kind == "NUMBER" else KINDS.get(kind) or kind.lower()
            for raw, kind, precision, scale in self.rows(query.order_by(column_of("ordinal_position")))
        }

    def share_of(self, relation: Relation, table: exp.Table) -> float:
        """By rows, of which Snowflake keeps the count; other rows each time, as samples of a size take no seed."""
        count = exp.select(exp.Count(this=exp.Star())).from_(table)
        (total,) = self.warehouse.read(count).column(0).to_pylist()
        if total <= ROWS:
            return 1.0
        table.set("sample", exp.TableSample(method=exp.var("BERNOULLI"), size=exp.Literal.number(ROWS)))
        return ROWS / total

    def spelled(self, there: list[tuple[str, str, str]], names: Iterable[str]) -> list[str]:
        """In any case where none is spelled exactly so."""
        known = dict.fromkeys(location for schema, name, _ in there for location in (schema, f"{schema}.{name}"))
        results: list[str] = []
        for location in names:
            alike = [other for other in known if other.upper() == location.upper()]
            results += [location] if location in known or not alike else alike
        return results

    def table(self, relation: Relation) -> exp.Table:
        """Spelled as it is."""
        return exp.Table(this=exp.var(table_of(relation).sql("snowflake")))

    def column(self, raw: str, kind: str) -> exp.Expr:
        """Spelled as it is."""
        return super().column(raw, kind).transform(_verbatim)


def _verbatim(node: exp.Expr) -> exp.Expr:
    return exp.var(node.sql("snowflake")) if isinstance(node, exp.Column) else node
