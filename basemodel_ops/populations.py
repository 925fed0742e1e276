"""Whom a task asks about, by point in time: nobody may be asked because of what they did after the cutoff.

Such a population gives itself away: all its members have an event at or after their cutoff, to the last of the data,
and not all had one in as long a time before. One that is chosen by what was known before has it the other way round.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.report import Finding
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of

MOMENTS = 4
"""Cutoffs that are looked at, evenly over the newer half of those with rows and with events after them."""

ENTITIES = 20_000
"""Members of one cutoff that are looked at, the first by their key."""

ENOUGH = 40
"""Members of all these cutoffs together below which nothing is said."""

INSTANT = timedelta(microseconds=1)

ALL, FEWER = 0.995, 0.98
"""Shares of members with an event after the cutoff, and before it, from which and below which it was hindsight."""


def hindsight_finding(warehouse: Warehouse, contract: Contract, task: Task, data_end: datetime) -> Finding | None:
    """Whether members of a task's population are chosen by events at or after their cutoff; None where none is asked.

    Args:
        warehouse: Where the rows are.
        contract: Which events there are.
        task: Whose population, or whose own rows where it has none.
        data_end: Events from here on are not looked at.
    """
    relation = task.population or task.relation
    cutoffs = _moments(warehouse, task, data_end)
    members = after = before = 0
    for cutoff in cutoffs:
        asked = _asked(warehouse, task, cutoff)
        moment = _naive(cutoff)
        span = data_end - moment
        past = _active(warehouse, contract, asked, datetime.min, moment - INSTANT)
        asked = asked.filter(pa.array(past))  # whoever is new has no past to compare with
        members += len(asked)
        after += int(_active(warehouse, contract, asked, moment, data_end).sum())
        before += int(_active(warehouse, contract, asked, moment - span, moment - INSTANT).sum())
    if members < ENOUGH:
        return None
    shares = after / members, before / members
    is_hindsight = shares[0] >= ALL and shares[1] < FEWER
    told = f"{shares[0]:.1%} of {members} rows", f"{shares[1]:.1%} had one in as long a time before it"
    text = f"{told[0]} have an event after their cutoff, {told[1]}."
    if is_hindsight:
        text = (
            f"{told[0]} of {relation}, each of a {task.entity} with a past, have an event at or after the cutoff, and "
            f"{told[1]}: who is asked follows from the future. What {task.name} is measured by is then not what it is "
            "asked, and at the newest cutoff hardly anyone is asked. Choose by what is known strictly before the "
            "cutoff, for example an event in the eight weeks before."
        )
    numbers = {"members": members, "after": round(shares[0], 4), "before": round(shares[1], 4)}
    return Finding(f"{relation.name}: who is asked is known before the cutoff", not is_hindsight, text, numbers)


def _moments(warehouse: Warehouse, task: Task, data_end: datetime) -> list[Any]:
    relation = task.population or task.relation
    query = exp.select(column_of(task.cutoff)).distinct().from_(table_of(relation)).order_by(column_of(task.cutoff))
    known = [one for one in warehouse.read(query).column(0).to_pylist() if one is not None and _naive(one) < data_end]
    newer = known[len(known) // 2 :]
    if not newer:
        return []
    return [newer[place] for place in np.unique(np.linspace(0, len(newer) - 1, MOMENTS).astype(int))]


def _asked(warehouse: Warehouse, task: Task, cutoff: Any) -> pa.Array:
    """Members at one cutoff."""
    entity = column_of(task.entity)
    query = exp.select(entity).distinct().from_(table_of(task.population or task.relation))
    query = query.where(exp.EQ(this=column_of(task.cutoff), expression=moment_of(_naive(cutoff)))).order_by(entity)
    return warehouse.read(query.limit(ENTITIES)).column(0).combine_chunks().drop_null()


def _active(warehouse: Warehouse, contract: Contract, asked: pa.Array, first: datetime, last: datetime) -> np.ndarray:
    """Which of the members have an event from `first` to `last`, both included, bool (members,)."""
    found = np.zeros(len(asked), bool)
    for event in contract.events:
        time = column_of(event.time)
        query = exp.select(column_of(event.entity)).distinct().from_(table_of(event.relation))
        if first > datetime.min:
            query = query.where(exp.GTE(this=time.copy(), expression=moment_of(first)))
        query = query.where(exp.LTE(this=time.copy(), expression=moment_of(last)))
        there = warehouse.read(query).column(0).combine_chunks()
        # Sources may spell one entity in other types; what does not match is another preflight finding's business.
        found |= np.asarray(pc.is_in(pc.cast(asked, pa.string()), value_set=pc.cast(there, pa.string())))
    return found


def _naive(moment: Any) -> datetime:
    """A date as its midnight."""
    return moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
