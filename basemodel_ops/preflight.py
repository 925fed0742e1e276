"""What must hold of the rows before any long work starts; found by aggregates in the warehouse."""

from datetime import datetime, timedelta
from typing import Any

from sqlglot import exp

from basemodel_ops.contract.types import Contract, Relation, Task, TaskType
from basemodel_ops.report import Finding
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, moment_of, table_of


def _row(warehouse: Warehouse, query: exp.Select) -> list[Any]:
    table = warehouse.read(query)
    return [table.column(i)[0].as_py() for i in range(table.num_columns)]


def _count_where(condition: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.case().when(condition, exp.Literal.number(1)))


def _is_null(name: str) -> exp.Expr:
    return column_of(name).is_(exp.null())


def _rows_finding(warehouse: Warehouse, relation: Relation, columns: list[str]) -> Finding:
    counts = [_count_where(_is_null(name)) for name in columns]
    total, *nulls = _row(warehouse, exp.select(exp.Count(this=exp.Star()), *counts).from_(table_of(relation)))
    wrong = {name: count for name, count in zip(columns, nulls, strict=True) if count}
    problem = f"{relation} is empty: load its source, or remove the model." if total == 0 else ""
    if wrong:
        problem += f"{relation} has nulls in {wrong}, which identify its {total} rows: filter them out in the model."
    return Finding(
        f"{relation.name}: rows and keys are there", not problem, problem or f"{total} rows.", {"rows": total}
    )


def _unique_finding(warehouse: Warehouse, relation: Relation, key: list[str]) -> Finding:
    distinct = exp.select(*map(column_of, key)).distinct().from_(table_of(relation)).subquery("keys")
    (rows,) = _row(warehouse, exp.select(exp.Count(this=exp.Star())).from_(table_of(relation)))
    (keys,) = _row(warehouse, exp.select(exp.Count(this=exp.Star())).from_(distinct))
    repeated = rows - keys
    text = f"{relation} has {repeated} rows whose key {key} stands in another row too: keep one row per key."
    return Finding(f"{relation.name}: keys are unique", repeated == 0, text if repeated else f"{keys} keys.")


def _not_after_now(warehouse: Warehouse, relation: Relation, time: str, now: datetime) -> Finding:
    later = exp.GT(this=column_of(time), expression=moment_of(now))
    query = exp.select(_count_where(later), exp.Max(this=column_of(time))).from_(table_of(relation))
    count, newest = _row(warehouse, query)
    text = f"{count} rows of {relation} have {time} after now ({now}); the newest is {newest}: correct or filter them."
    return Finding(f"{relation.name}: no event is after now", count == 0, text if count else f"Newest: {newest}.")


def _coverage(warehouse: Warehouse, events: Relation, column: str, facts: Relation, key: str) -> Finding:
    keys = exp.select(column_of(key)).from_(table_of(facts))
    found = exp.In(this=column_of(column), query=keys.subquery())
    matched, total = _row(
        warehouse, exp.select(_count_where(found), exp.Count(this=column_of(column))).from_(table_of(events))
    )
    share = matched / total if total else 1.0
    text = (
        f"{share:.0%} of the {total} values of {column} in {events} are a {key} of {facts}; at least half must be. "
        "Make both the same ids, or remove `references`."
    )
    name = f"{events.name}: {column} is found in {facts.name}"
    return Finding(name, share >= 0.5, text, {"share": round(share, 4)})


def _labels(warehouse: Warehouse, task: Task, data_end: datetime) -> Finding:
    last = data_end - timedelta(days=task.horizon or 0)
    after = exp.GT(this=column_of(task.cutoff), expression=moment_of(last))
    known = _is_null(task.target).not_()
    (count,) = _row(warehouse, exp.select(_count_where(exp.and_(after, known))).from_(table_of(task.relation)))
    text = (
        f"{count} rows of {task.relation} carry a {task.target} although their window of {task.horizon} days "
        f"is not over at {data_end}: return null there, or the model learns from half a window."
    )
    return Finding(f"{task.name}: no label before its window is over", count == 0, text if count else "None.")


def preflight(warehouse: Warehouse, contract: Contract, now: datetime) -> list[Finding]:
    """Every property of the rows that the stages rely on; failed ones say what was found and the way out."""
    findings = []
    for event in contract.events:
        findings.append(_rows_finding(warehouse, event.relation, [event.entity, event.time]))
        findings.append(_not_after_now(warehouse, event.relation, event.time, now))
        for column in event.columns:
            if column.references:
                facts = contract.attribute(column.references)
                findings.append(_coverage(warehouse, event.relation, column.name, facts.relation, facts.key))
    for facts in contract.attributes:
        key = [facts.key, *([facts.valid_from] if facts.valid_from else [])]
        findings.append(_rows_finding(warehouse, facts.relation, key))
        findings.append(_unique_finding(warehouse, facts.relation, key))
    grid = contract.grid
    (data_end,) = _row(warehouse, exp.select(exp.Max(this=column_of(grid.data_end))).from_(table_of(grid.relation)))
    for task in contract.tasks:
        key = [task.entity, task.cutoff]
        many = task.type in (TaskType.MULTILABEL, TaskType.RECOMMENDATION)
        findings.append(_rows_finding(warehouse, task.relation, key))
        findings.append(_unique_finding(warehouse, task.relation, [*key, *([task.target] if many else [])]))
        if task.horizon is not None and data_end is not None:
            findings.append(_labels(warehouse, task, data_end))
    return findings
