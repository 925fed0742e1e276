"""Queries that count, so that work can be planned before any row is read."""

from datetime import datetime

from sqlglot import exp

from basemodel_ops.contract.types import AttributeSource, Contract, EventSource, Task
from basemodel_ops.warehouse.queries import column_of, entities_query, table_of, timestamp_of


def entities_count_query(contract: Contract, before: datetime) -> exp.Select:
    """How many entities have an event before `before`, as one row and column `entities`."""
    entities = entities_query(contract, before)
    entities.set("order", None)
    count = exp.alias_(exp.Count(this=exp.Star()), "entities", quoted=True)
    return exp.select(count).from_(entities.subquery("known"))


def events_count_query(source: EventSource, before: datetime) -> exp.Select:
    """How many events a source has before `before`, as one row and column `events`."""
    count = exp.alias_(exp.Count(this=exp.Star()), "events", quoted=True)
    earlier = exp.LT(this=column_of(source.time), expression=timestamp_of(before))
    return exp.select(count).from_(table_of(source.relation)).where(earlier)


def labels_count_query(task: Task) -> exp.Select:
    """How many labels the positive rows of a task have, as one row and column `labels`."""
    distinct = exp.Distinct(expressions=[column_of(task.target)])
    count = exp.alias_(exp.Count(this=distinct), "labels", quoted=True)
    return exp.select(count).from_(table_of(task.relation))


def distinct_query(source: EventSource | AttributeSource, columns: list[str], before: datetime) -> exp.Select:
    """About how many values each of some columns has before `before`, as one row of as many columns."""
    counts = [exp.alias_(exp.ApproxDistinct(this=column_of(name)), name, quoted=True) for name in columns]
    query = exp.select(*counts).from_(table_of(source.relation))
    time = source.time if isinstance(source, EventSource) else source.valid_from
    return query if time is None else query.where(exp.LT(this=column_of(time), expression=timestamp_of(before)))


def spans_query(contract: Contract, before: datetime) -> exp.Select:
    """Entity, first and last moment of its events before `before` over all sources: `entity`, `first`, `last`."""
    parts = []
    for source in contract.events:
        names = [exp.alias_(column_of(source.entity), "entity", quoted=True)]
        names += [exp.alias_(column_of(source.time), "moment", quoted=True)]
        earlier = exp.LT(this=column_of(source.time), expression=timestamp_of(before))
        parts.append(exp.select(*names).from_(table_of(source.relation)).where(earlier))
    union: exp.Query = parts[0]
    for part in parts[1:]:
        union = exp.union(union, part, distinct=False)
    timestamp, entity = column_of("moment"), column_of("entity")
    return (
        exp.select(
            entity,
            exp.alias_(exp.Min(this=timestamp), "first", quoted=True),
            exp.alias_(exp.Max(this=timestamp.copy()), "last", quoted=True),
        )
        .from_(union.subquery("seen"))
        .group_by(entity.copy())
        .order_by(entity.copy())
    )


def popularity_query(source: EventSource, column: str, before: datetime, since: list[datetime]) -> exp.Select:
    """Events of each value before `before`: `value`, `total`, and those since each of the moments, `since_0` and on."""
    value, time = column_of(column), column_of(source.time)
    counts = [exp.alias_(exp.Count(this=exp.Star()), "total", quoted=True)]
    for number, timestamp in enumerate(since):
        is_late = exp.GTE(this=time.copy(), expression=timestamp_of(timestamp))
        entry = exp.Case(ifs=[exp.If(this=is_late, true=exp.Literal.number(1))], default=exp.Literal.number(0))
        counts.append(exp.alias_(exp.Sum(this=entry), f"since_{number}", quoted=True))
    return (
        exp.select(exp.alias_(value, "value", quoted=True), *counts)
        .from_(table_of(source.relation))
        .where(exp.LT(this=time.copy(), expression=timestamp_of(before)))
        .where(value.copy().is_(exp.null()).not_())
        .group_by(value.copy())
    )
