"""What a query reads: relations, columns and bounds, without the values it compares with."""

from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from basemodel_ops.warehouse.sampling import CONDITION

BOUNDS = (exp.LT, exp.LTE, exp.GT, exp.GTE)


@dataclass(frozen=True)
class Access:
    """What a query asks of one relation."""

    relation: str
    columns: tuple[str, ...]
    """`*` where all are asked for."""
    predicate: str | None
    """The conditions, with `?` for every literal that is no bound in time."""


def accesses(query: exp.Query) -> list[Access]:
    """Relations, columns and conditions of a query, one item per select and relation.

    A column that could be of several relations is held to be of each.
    """
    inner = {str(cte.alias) for cte in query.find_all(exp.CTE)}
    results = []
    for select in query.find_all(exp.Select):
        joins: list[exp.Expr] = select.args.get("joins") or []
        sources = [source.this for source in (select.args.get("from_"), *joins) if source is not None]
        tables = [table for table in sources if isinstance(table, exp.Table) and (table.db or table.name not in inner)]
        parts = [select.args.get("where"), select.args.get("having")]
        conditions = [part.this for part in parts if part is not None]
        conditions += [join.args["on"] for join in joins if join.args.get("on") is not None]
        for table in tables:
            columns = tuple(sorted(_columns(select, table)))
            predicate = " AND ".join(_without_values(condition) for condition in conditions) or None
            results.append(Access(f"{table.db}.{table.name}", columns, predicate))
    return results


def _columns(select: exp.Select, table: exp.Table) -> set[str]:
    """Names the select asks of the table, without those it gives to its own results."""
    names = {projection.alias for projection in select.selects if projection.alias}
    result = set()
    for node in select.walk(prune=lambda node: isinstance(node, exp.Query) and node is not select):
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            result.add("*")
        elif isinstance(node, exp.Column) and node.table in ("", table.alias_or_name):
            if isinstance(node.this, exp.Star):
                result.add("*")
            elif node.name not in names or node.find_ancestor(exp.Order) is None:
                result.add(node.name)
    # A query inside of a condition can name the table around it.
    for node in select.find_all(exp.Column):
        if node.table == table.alias_or_name and node.find_ancestor(exp.Select) is not select:
            result.add("*" if isinstance(node.this, exp.Star) else node.name)
    return result


def _without_values(condition: exp.Expr) -> str:
    """The condition as SQL, with `?` for every literal but bounds in time, and shards and samples by their names."""
    masked = condition.copy()
    # A root has no place in which it could be replaced.
    holder = exp.Paren(this=masked)
    for literal in list(holder.find_all(exp.Literal)):
        if not _is_time_bound(literal):
            literal.replace(exp.Placeholder())
    for listed in holder.find_all(exp.In):
        if listed.expressions:
            listed.set("expressions", [exp.Placeholder()])
    for part in [node for node in holder.walk() if CONDITION in node.meta]:
        part.replace(part.meta[CONDITION])
    return holder.this.sql()


def _is_time_bound(literal: exp.Literal) -> bool:
    """Whether the literal is a moment that something is compared with for order."""
    cast = literal.parent
    if not (isinstance(cast, exp.Cast) and isinstance(cast.parent, BOUNDS)):
        return False
    try:
        datetime.fromisoformat(literal.this)
    except ValueError:
        return False
    return cast.to.is_type("timestamp", "timestampntz", "date", "datetime")
