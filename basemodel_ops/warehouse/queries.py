"""Queries as sqlglot expressions: every identifier quoted, every read of events bounded in time."""

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from basemodel_ops.contract.types import Contract, EventSource, Relation, Task
from basemodel_ops.errors import WarehouseError
from basemodel_ops.names import identifier_fault


def table_of(relation: Relation) -> exp.Table:
    """The relation as a quoted table."""
    return exp.table_(relation.name, db=relation.schema_name, catalog=relation.database, quoted=True)


def column_of(name: str) -> exp.Column:
    """A quoted column; WarehouseError where no column can be named so."""
    if fault := identifier_fault(name):
        raise WarehouseError(f"No column can be named {name!r}: it {fault}. Rename it.")
    return exp.column(name, quoted=True)


def timestamp_of(timestamp: datetime) -> exp.Cast:
    """A timestamp literal."""
    return exp.cast(exp.Literal.string(timestamp.isoformat(sep=" ")), "timestamp")


def _earlier(source: EventSource, before: datetime) -> exp.Expr:
    return exp.LT(this=column_of(source.time), expression=timestamp_of(before))


def events_query(source: EventSource, columns: list[str], before: datetime, ordered: bool = True) -> exp.Select:
    """Events strictly before `before`: entity, time and `columns`, ordered by all of them so that runs repeat."""
    names = list(dict.fromkeys([source.entity, source.time, *columns]))
    query = exp.select(*map(column_of, names)).from_(table_of(source.relation)).where(_earlier(source, before))
    return query.order_by(*map(column_of, names)) if ordered else query


def first_event_query(source: EventSource, before: datetime) -> exp.Select:
    """The time of the first event, if that is before `before`, as one row and column `began`; null without events."""
    first = exp.alias_(exp.Min(this=column_of(source.time)), "began", quoted=True)
    return exp.select(first).from_(table_of(source.relation)).where(_earlier(source, before))


def task_population_query(task: Task) -> exp.Select:
    """Whom a task asks about at any cutoff, with events or without, as one column `entity`."""
    name = exp.alias_(column_of(task.entity), "entity", quoted=True)
    return exp.select(name).from_(table_of(task.population or task.relation))


def entities_query(contract: Contract, before: datetime, also: Sequence[exp.Query] = ()) -> exp.Select:
    """Distinct entities with an event before `before`, and those of other queries, as one ordered column `entity`."""
    parts: list[exp.Query] = []
    for source in contract.events:
        name = exp.alias_(column_of(source.entity), "entity", quoted=True)
        parts.append(exp.select(name).from_(table_of(source.relation)).where(_earlier(source, before)))
    parts += also
    union = parts[0]
    for part in parts[1:]:
        union = exp.union(union, part, distinct=True)
    outer = exp.select(column_of("entity")).distinct().from_(union.subquery("entities"))
    return outer.order_by(column_of("entity"))


def rows_query(relation: Relation, columns: list[str]) -> exp.Select:
    """All rows of a table that holds no events (facts, labels, the grid): `columns`, ordered by all of them."""
    names = list(dict.fromkeys(columns))
    return exp.select(*map(column_of, names)).from_(table_of(relation)).order_by(*map(column_of, names))


def counts_query(source: EventSource, column: str, before: datetime) -> exp.Select:
    """How often each value of a column occurs before `before`: `value`, `count`, the most frequent first."""
    value, count = column_of(column), exp.alias_(exp.Count(this=exp.Star()), "count", quoted=True)
    return (
        exp.select(exp.alias_(value, "value", quoted=True), count)
        .from_(table_of(source.relation))
        .where(_earlier(source, before))
        .where(value.copy().is_(exp.null()).not_())
        .group_by(value.copy())
        .order_by(exp.Ordered(this=column_of("count"), desc=True), column_of("value"))
    )


def counts_by_cutoff_query(
    relation: Relation, cutoff: str, target: str | None = None, yes: exp.Expr | None = None
) -> exp.Select:
    """How many rows a task has per cutoff, in order: `cutoff`, `rows`, and of a target also `labelled`.

    Args:
        relation: The task's labels, or its population.
        cutoff: The column of the cutoff.
        target: Rows where it is known are `labelled`.
        yes: The target of rows that are counted as `positives`, 1 or true as its type is; none are if not given.
    """
    counted: dict[str, exp.Expr] = {"rows": exp.Star()}
    if target is not None:
        counted["labelled"] = column_of(target)
    if yes is not None:
        if target is None:
            raise ValueError(f"Positives of {relation} need a target.")
        counted["positives"] = exp.case().when(column_of(target).eq(yes), exp.Literal.number(1))
    counts = [exp.alias_(exp.Count(this=what), name, quoted=True) for name, what in counted.items()]
    return (
        exp.select(exp.alias_(column_of(cutoff), "cutoff", quoted=True), *counts)
        .from_(table_of(relation))
        .group_by(column_of(cutoff))
        .order_by(column_of("cutoff"))
    )


def sample_query(relation: Relation, columns: list[str], rows: int) -> exp.Select:
    """Whichever `rows` rows come first, unbounded in time: to see a type or that a name is there, never values."""
    names = list(dict.fromkeys(columns))
    return exp.select(*map(column_of, names)).from_(table_of(relation)).limit(rows)
