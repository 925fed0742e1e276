"""Whom a task asks about, by point in time: nobody may be asked because of what they did after the cutoff.

Such a population gives itself away: all its members have an event after their cutoff, to the last of the data,
and not all had one in as long a time before. One that is chosen by what was known before has it the other way round.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

SAMPLED_CUTOFFS = 4
"""Cutoffs that are looked at, evenly over the newer half of those with rows and with events after them."""

ENTITIES = 20_000
"""Members of one cutoff that are looked at, the first by their key."""

ENOUGH = 40
"""Members of all these cutoffs together below which nothing is said."""

INSTANT = timedelta(microseconds=1)

ALL, FEWER = 0.995, 0.98
"""Shares of members with an event after the cutoff, and before it, from which and below which it was hindsight."""


def check_membership(warehouse: Warehouse, contract: Contract, task: Task, data_end: date) -> CheckResult | None:
    """Whether members of a task's population are chosen by events after their cutoff; None where none is asked.

    Args:
        warehouse: Where the rows are.
        contract: Which events there are.
        task: Whose population, or whose own rows where it has none.
        data_end: Events after it are not looked at.
    """
    if task.has_row_cutoffs:  # hardly two rows are at one moment
        return None
    relation, data_end = task.population or task.relation, _naive(data_end)
    cutoffs = _timestamps(warehouse, task, data_end)
    members = after = before = at_once = 0
    for cutoff in cutoffs:
        window, last = data_end - cutoff, cutoff - INSTANT
        periods = (None, last), (cutoff, data_end), (cutoff, cutoff), (cutoff - window, last)
        past, later, then, lately = _active(warehouse, contract, _members(task, cutoff), periods)
        members += len(past)  # whoever is new has nothing to compare
        after += len(past & later)
        at_once += len(past & then)
        before += len(lately)
    if members < ENOUGH:
        return None
    shares = after / members, before / members
    # An event of everyone at the very moment is why they are asked: a claim, the end of a visit.
    follows_from_future = shares[0] >= ALL and shares[1] < FEWER and at_once < ALL * members
    described = f"{shares[0]:.1%} of {members} rows", f"{shares[1]:.1%} had one in as long a time before it"
    text = f"{described[0]} have an event after their cutoff, {described[1]}."
    if follows_from_future:
        text = (
            f"{described[0]} of {relation}, each of a {task.entity} with a past, have an event at or after the cutoff, "
            "and "
            f"{described[1]}: who is asked follows from the future. What {task.name} is measured by is then not what "
            "it is "
            "asked, and at the newest cutoff hardly anyone is asked. Choose by what is known strictly before the "
            "cutoff, for example an event in the eight weeks before."
        )
    numbers = {"members": members, "after": round(shares[0], 4), "before": round(shares[1], 4)}
    return CheckResult(
        f"{relation.name}: who is asked is known before the cutoff", not follows_from_future, text, numbers
    )


def _timestamps(warehouse: Warehouse, task: Task, data_end: datetime) -> list[datetime]:
    """Cutoffs with rows, evenly over the newer half of those with data after them."""
    relation = task.population or task.relation
    query = exp.select(column_of(task.cutoff)).distinct().from_(table_of(relation)).order_by(column_of(task.cutoff))
    result = warehouse.read(query).column(0).drop_null().to_pylist()
    known = [timestamp for timestamp in map(_naive, result) if timestamp < data_end]
    newer = known[len(known) // 2 :]
    if not newer:
        return []
    return [newer[index] for index in np.unique(np.linspace(0, len(newer) - 1, SAMPLED_CUTOFFS).astype(int))]


def _members(task: Task, cutoff: datetime) -> exp.Select:
    """The members at one cutoff as one column of texts: sources may have ids of other types."""
    entity = exp.cast(column_of(task.entity), "text")
    query = exp.select(exp.alias_(entity, "member", quoted=True)).distinct()
    query = query.from_(table_of(task.population or task.relation))
    query = query.where(exp.EQ(this=column_of(task.cutoff), expression=timestamp_of(cutoff)))
    return query.where(column_of(task.entity).is_(exp.null()).not_()).order_by(column_of("member")).limit(ENTITIES)


def _active(
    warehouse: Warehouse,
    contract: Contract,
    members: exp.Select,
    periods: Sequence[tuple[datetime | None, datetime]],
) -> list[set[str]]:
    """Of each period, which of the members have an event from its first moment, or ever, to its last, both included.

    Events are looked through once for all periods, and an entity is made a text once, not with each event.
    """
    results: list[set[str]] = [set() for _ in periods]
    latest = timestamp_of(max(last for _, last in periods))
    for event in contract.events:
        time, entity = column_of(event.time), exp.cast(column_of(event.entity), "text")
        names = [f"count_{index}" for index in range(len(periods))]
        counts = [
            exp.alias_(exp.Count(this=exp.case().when(_within(time, *period), "1")), name, quoted=True)
            for name, period in zip(names, periods, strict=True)
        ]
        counted = exp.select(column_of(event.entity), *counts).from_(table_of(event.relation))
        counted = counted.where(exp.LTE(this=time, expression=latest)).group_by(column_of(event.entity))
        chosen = exp.select(column_of("member")).from_(members.copy().subquery("members"))
        query = exp.select(exp.alias_(entity, "entity", quoted=True), *map(column_of, names))
        query = query.from_(counted.subquery("counted")).where(exp.In(this=entity.copy(), query=chosen.subquery()))
        entities, *numbers = warehouse.read(query).columns
        for result, number in zip(results, numbers, strict=True):
            result.update(entities.filter(pc.greater(number, 0)).to_pylist())
    return results


def _within(time: exp.Expr, first: datetime | None, last: datetime) -> exp.Expr:
    until = exp.LTE(this=time.copy(), expression=timestamp_of(last))
    return until if first is None else exp.and_(exp.GTE(this=time.copy(), expression=timestamp_of(first)), until)


def _naive(timestamp: Any) -> datetime:
    """A date as its midnight, a moment without its zone."""
    is_timestamp = isinstance(timestamp, datetime)
    return timestamp.replace(tzinfo=None) if is_timestamp else datetime(timestamp.year, timestamp.month, timestamp.day)
