"""Labels that are one value at whole cutoffs and differ elsewhere: not recorded then, or missed by their window."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of, midnight
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.report import CheckResult
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of

LEAST = 50
"""Labels of a cutoff below which nothing is said of it."""

CHANCE = 1e-6
"""Cutoffs of which fewer than so many would have one value only, by the share of others elsewhere, are told."""

NAMED = 3
"""Cutoffs that are named, the first ones."""


@dataclass(frozen=True)
class Labels:
    """Those of one cutoff: how many there are, how many have the most frequent value, and that if there is no other."""

    cutoff: str
    count: int
    most: int
    only: str | None


def has_comparable_cutoffs(task: Task) -> bool:
    """Whether a task has one label a row, which is no time to an event, and many rows at one cutoff."""
    return task.form.shape is Shape.ANSWER and task.observed is None and not task.has_row_cutoffs


def labels_by_cutoff(warehouse: Warehouse, task: Task) -> CheckResult:
    """Whether labels differ at every cutoff, as they do elsewhere; found by one aggregate."""
    labels = [entry for entry in _read(warehouse, task) if entry.count >= LEAST]
    odd: dict[str, list[Labels]] = {}
    for entry in labels:
        if entry.only is not None and _is_odd(entry, _others(labels, entry.only)):
            odd.setdefault(entry.only, []).append(entry)
    numbers: dict[str, float | int | str] = {"cutoffs": len(labels), "of_one_value": sum(map(len, odd.values()))}
    if not odd:
        return CheckResult("cutoffs", True, f"Of {len(labels)} cutoffs.", numbers)
    message = " ".join(
        f"At {len(entries)} of {len(labels)} cutoffs every {task.target} of {task.relation} is {_in_words(task, value)}"
        f" ({_named(entries)}), while elsewhere {_others(labels, value):.1%} or more are not."
        for value, entries in odd.items()
    )
    text = (
        f"{message} Was it recorded then? If not, return null there, or start the grid later. Does each window hold "
        "what is asked about? One of 365 days misses 31 December in a leap year. If it did not happen then, "
        "nothing is to be done."
    )
    return CheckResult("cutoffs", False, text, numbers, is_severe=False)


def _read(warehouse: Warehouse, task: Task) -> list[Labels]:
    known = exp.select(
        exp.alias_(column_of(task.cutoff), "moment", quoted=True),
        exp.alias_(exp.cast(column_of(task.target), "text"), "label", quoted=True),
    ).from_(table_of(task.relation))
    for name in (task.cutoff, task.target):
        known = known.where(column_of(name).is_(exp.null()).not_())
    times = exp.alias_(exp.Count(this=exp.Star()), "times", quoted=True)
    counts = exp.select(column_of("moment"), column_of("label"), times).from_(known.subquery("known"))
    counts = counts.group_by(column_of("moment"), column_of("label"))
    columns = {
        "labels": exp.Sum(this=column_of("times")), "most": exp.Max(this=column_of("times")),
        "least": exp.Min(this=column_of("label")),
    }  # fmt: skip
    named = [exp.alias_(what, name, quoted=True) for name, what in columns.items()]
    query = exp.select(column_of("moment"), *named).from_(counts.subquery("each_label"))
    table = warehouse.read(query.group_by(column_of("moment")).order_by(column_of("moment")))
    return [
        Labels(key_of(midnight(moment)), int(count), int(most), value if count == most else None)
        for moment, count, most, value in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]


def _others(labels: Sequence[Labels], value: str) -> float:
    """The share of labels that are not this value, at least, at cutoffs where not all are.

    Whatever comes most often there may be the value: so much is not counted.
    """
    elsewhere = [entry for entry in labels if entry.only != value]
    differing = sum(entry.count if entry.only is not None else entry.count - entry.most for entry in elsewhere)
    return differing / max(sum(entry.count for entry in elsewhere), 1)


def _is_odd(entry: Labels, others: float) -> bool:
    """Whether so many labels of one value do not come about by chance."""
    return others == 1 or entry.count * math.log1p(-others) < math.log(CHANCE)


def _named(entries: Sequence[Labels]) -> str:
    names = [entry.cutoff for entry in entries[:NAMED]]
    more = len(entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _in_words(task: Task, value: str) -> str:
    """A number as it is; of classes, which may say more than a check should keep, that there is one."""
    if task.form.has_labels:
        return "of one class"
    try:
        return f"{float(value):g}"
    except ValueError:  # true or false
        return value
