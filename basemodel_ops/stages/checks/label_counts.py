"""Labels counted once more: what SQL says of sampled rows against a plain loop over their events."""

import math
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.types import Aggregate, Contract, NullTarget, Relation, Target, Task
from basemodel_ops.report import CheckResult
from basemodel_ops.stages.snapshot.row_cutoffs import INSTANT
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, events_query, rows_query, table_of

ROWS, ENTITIES = 1000, 100
"""Rows that are counted again, of so many entities at most."""

Key = tuple[Any, datetime]
Events = dict[Any, list[tuple[datetime, Any]]]
"""Moment and value of the events of each entity."""


def check_labels(ws: Workspace, name: str) -> CheckResult:
    """The labels of sampled rows are what the events in `[cutoff, cutoff + horizon)` say.

    Where the contract does not say how a label follows from events, nothing is compared and the finding says why. A
    task whose rows are items may leave some out on purpose (a shorter list, only new ones): items without an event
    fail, events without an item are counted as `left_out`.
    """
    task = ws.contract.task(name)
    if task.horizon is None:
        return _not_checked("a trait has no window.")
    if task.known is not None:
        return _not_checked(f"its labels are known at {task.known}, not after a window.")
    if task.predicts is None:
        return _not_checked("its declaration does not say which events its labels come from: add `predicts`.")
    with ws.warehouse() as warehouse:
        grid = ws.contract.grid
        ends = warehouse.read(rows_query(grid.relation, [grid.data_end])).column(0).to_pylist()
        end = max(map(_timestamp, ends), default=datetime.min)
        relation = task.population or task.relation
        entities = warehouse.read(
            exp.select(column_of(task.entity)).distinct().from_(table_of(relation)).order_by(column_of(task.entity))
        )
        if not entities.num_rows:
            return _not_checked(f"{relation} has no rows.")
        generator = np.random.default_rng(ws.settings.seed)
        chosen = generator.permutation(entities.num_rows)[:ENTITIES]
        among = [entities.column(0)[int(index)].as_py() for index in chosen]
        keys = _rows(warehouse, relation, task, among, [])
        sampled = [keys[index][:2] for index in generator.permutation(len(keys))[:ROWS]]
        labels = _rows(warehouse, task.relation, task, among, [task.target])
        if task.null_target is NullTarget.LEAVE_OUT:
            never = {(entity, cutoff) for entity, cutoff, label in labels if label is None}
            sampled = [key for key in sampled if key not in never]
        after = timedelta(microseconds=INSTANT if task.has_row_cutoffs else 0)  # what asks is in nobody's future
        events = _events(ws.contract, warehouse, task.predicts, among, end)
    if events is None:
        return _not_checked(f"{task.predicts.column} follows from facts that change in time.")
    happened = [_within(events, (entity, cutoff + after), task.horizon, end + after) for entity, cutoff in sampled]
    wrong, left_out = _compared(labels, sampled, happened, task.predicts.aggregate)
    text = f"{len(sampled)} rows carry what their events say."
    if wrong:
        text = (
            f"{len(wrong)} of {len(sampled)} sampled rows of {task.relation} carry a {task.target} that the events of "
            f"{task.predicts.source} in the {task.horizon} days from their cutoff do not say, the first at "
            f"{min(wrong)}. Mend its window, `[cutoff, cutoff + horizon)`, or correct `predicts`."
        )
    return CheckResult("labels", not wrong, text, {"rows": len(sampled), "differing": len(wrong), "left_out": left_out})


def _compared(
    labels: list[tuple], sampled: list[Key], happened: list[list[Any] | None], aggregate: Aggregate | None
) -> tuple[list[datetime], int]:
    """Cutoffs of the rows whose labels are not what happened, and how many items that happened have no label."""
    by_row: dict[Key, list[Any]] = defaultdict(list)
    for entity, cutoff, label in labels:
        by_row[entity, cutoff].append(label)
    listed = {str(label) for _, _, label in labels}
    wrong, left_out = [], 0
    for key, values in zip(sampled, happened, strict=True):
        if aggregate is not None:
            is_wrong = not _agree(by_row[key], values, aggregate)
        else:
            items, seen = {str(label) for label in by_row[key]}, {str(v) for v in values or [] if v is not None}
            is_wrong = not items <= seen
            left_out += len((seen & listed) - items)
        if is_wrong:
            wrong.append(key[1])
    return wrong, left_out


def _within(events: Events, key: Key, horizon: int, end: datetime) -> list[Any] | None:
    """Values of an entity's events in the window; None while it is open."""
    entity, cutoff = key
    over = cutoff + timedelta(days=horizon)
    return [value for timestamp, value in events[entity] if cutoff <= timestamp < over] if over <= end else None


def _agree(labels: list[Any], happened: list[Any] | None, aggregate: Aggregate) -> bool:
    """Whether the one label is the aggregate of what happened, and null while the window is open."""
    known = [value for value in happened or [] if value is not None]
    if aggregate is Aggregate.MEAN and happened is not None and not known:
        return labels in ([], [None])  # the mean of nothing is not known, however long one waits
    if len(labels) != 1 or labels[0] is None or happened is None:
        return labels == [None] and happened is None
    true = {
        Aggregate.ANY: len(happened) > 0, Aggregate.NONE: not happened, Aggregate.COUNT: len(happened),
        Aggregate.SUM: math.fsum(known), Aggregate.MEAN: math.fsum(known) / max(len(known), 1),
    }  # fmt: skip
    try:
        return math.isclose(float(labels[0]), true[aggregate], rel_tol=1e-6, abs_tol=1e-6)
    except ValueError:  # a text
        return False


def _not_checked(why: str) -> CheckResult:
    return CheckResult("labels", True, f"Not counted again: {why}", {"rows": 0})


def _rows(warehouse: Warehouse, relation: Relation, task: Task, among: list[Any], columns: list[str]) -> list[tuple]:
    """Entity, moment of the cutoff and `columns` of all rows of these entities."""
    query = rows_query(relation, [task.entity, task.cutoff, *columns])
    table = warehouse.read(query.where(column_of(task.entity).isin(*map(exp.convert, among))))
    entity, cutoff, *rest = (column.to_pylist() for column in table.columns)
    return list(zip(entity, map(_timestamp, cutoff), *rest, strict=True))


def _timestamp(value: Any) -> datetime:
    """A date as its midnight."""
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _events(contract: Contract, warehouse: Warehouse, target: Target, among: list[Any], end: datetime) -> Events | None:
    """Events of these entities up to the end of the data, with the value that the task asks for; None if untold."""
    source = contract.event(target.source)
    category, attribute = source.resolve(target.column) if target.column else (None, "")
    column = category.name if category else ""
    query = events_query(source, [column] if column else [], end + timedelta(microseconds=1), ordered=False)
    table = warehouse.read(query.where(column_of(source.entity).isin(*map(exp.convert, among))))
    values = table.column(column).to_pylist() if column else [None] * table.num_rows
    if attribute:
        attributes = contract.attribute((category and category.references) or "")
        if attributes.valid_from is not None:
            return None
        known = warehouse.read(rows_query(attributes.relation, [attributes.key, attribute]))
        meaning = dict(zip(*(column.to_pylist() for column in known.columns), strict=True))
        values = [meaning.get(value) for value in values]
    result: Events = defaultdict(list)
    owners, timestamps = table.column(source.entity).to_pylist(), table.column(source.time).to_pylist()
    for entity_index, timestamp, value in zip(owners, timestamps, values, strict=True):
        result[entity_index].append((_timestamp(timestamp), value))
    return result
