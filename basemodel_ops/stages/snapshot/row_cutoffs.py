"""Tasks with moments of their own: rows that know the event that asks, and parts that are intervals.

A row at a moment is represented an `INSTANT` after it. So "strictly before the cutoff" holds of such rows as of all
others, and what happened at the moment itself is history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.stages.snapshot.sampling import Draw, TaskPlan, draw, keeping_positives
from basemodel_ops.stages.snapshot.times import Times, microseconds, row_cutoff_bounds, to_datetime
from basemodel_ops.tasks.split import DAY
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of

INSTANT = 1
"""Microseconds from the moment of a row to its cutoff."""

PARTS = ("train", "validation", "test")

GAP = "embargo"
"""Part of rows whose label is known, but too late for the part that they are in by time."""


def cutoff_of(task: Task, timestamp: np.ndarray) -> np.ndarray:
    """The cutoff of rows at these moments, microseconds: strictly before it lies what the row knows."""
    return timestamp + INSTANT if task.has_row_cutoffs else timestamp


def known_of(task: Task, table: pa.Table, cutoff: np.ndarray) -> np.ndarray:
    """From which cutoff on the label of each row is known, microseconds; of what is never known the largest integer."""
    if task.known is None:
        return cutoff + (task.horizon or 0) * DAY
    column = table.column(task.known)
    return np.where(np.asarray(column.is_valid()), _filled(column) + INSTANT, np.iinfo(np.int64).max)


def _filled(column: pa.ChunkedArray) -> np.ndarray:
    return microseconds(column.cast(pa.timestamp("us")).fill_null(pa.scalar(0, pa.timestamp("us"))))


def parts_of(task: Task, times: Times, cutoff: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The part of each row: those train whose label is known when validation begins, and so on; else "unlabelled"."""
    validation_from, test_from = row_cutoff_bounds(times, task)
    part = np.full(len(cutoff), "unlabelled", dtype="<U10")
    part[known <= times.data_end + INSTANT] = GAP
    part[(cutoff > test_from) & (part == GAP)] = "test"
    part[(cutoff > validation_from) & (known <= test_from)] = "validation"
    part[known <= validation_from] = "train"
    return part


@dataclass(frozen=True)
class Counts:
    """Rows of a part, the entities they are of, and those whose target is 1."""

    rows: int
    entities: int
    positives: int


def counts_query(task: Task, times: Times, yes: exp.Expr | None) -> exp.Select:
    """Rows of each part by `parts_of`, counted in the warehouse: `part`, `rows`, `entities`, `positives`.

    Positives are those whose target is `yes`.
    """
    validation_from, test_from = (timestamp_of(to_datetime(timestamp)) for timestamp in row_cutoff_bounds(times, task))
    timestamp = column_of(task.cutoff)

    def known(strictly: bool, bound: int) -> exp.Expr:
        """Whether a label is known before a moment, or by then."""
        column, at = (
            (timestamp, bound - (task.horizon or 0) * DAY) if task.known is None else (column_of(task.known), bound)
        )
        kind = exp.LT if strictly else exp.LTE
        return kind(this=column.copy(), expression=timestamp_of(to_datetime(at)))

    first, second = row_cutoff_bounds(times, task)
    since = [exp.GTE(this=timestamp.copy(), expression=bound) for bound in (validation_from, test_from)]
    by_then = known(False, times.data_end)
    part = exp.case().when(known(True, first), exp.Literal.string("train"))
    part = part.when(exp.and_(since[0], known(True, second)), exp.Literal.string("validation"))
    part = part.when(exp.and_(since[1], by_then), exp.Literal.string("test"))
    part = part.when(by_then.copy(), exp.Literal.string(GAP)).else_(exp.Literal.string("unlabelled"))
    is_positive = exp.false() if yes is None else column_of(task.target).eq(yes)
    rows = exp.select(
        exp.alias_(part, "part", quoted=True), exp.alias_(column_of(task.entity), "entity", quoted=True),
        exp.alias_(exp.case().when(is_positive, exp.Literal.number(1)), "one", quoted=True),
    ).from_(table_of(task.relation)).where(timestamp.copy().is_(exp.null()).not_())  # fmt: skip
    counted = {
        "rows": exp.Count(this=exp.Star()),
        "entities": exp.Count(this=exp.Distinct(expressions=[column_of("entity")])),
        "positives": exp.Count(this=column_of("one")),
    }
    named = [exp.alias_(entry, name, quoted=True) for name, entry in counted.items()]
    result = exp.select(column_of("part"), *named).from_(rows.subquery("rows"))
    return result.group_by(column_of("part")).order_by(column_of("part"))


def read_counts(table: pa.Table) -> dict[str, Counts]:
    """The answer to `counts_query`, by part."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return {row["part"]: Counts(int(row["rows"]), int(row["entities"]), int(row["positives"])) for row in rows}


def plan_row_cutoffs(
    task: Task, times: Times, counts: Mapping[str, Counts], most: Mapping[str, int], seed: int = 0
) -> TaskPlan:
    """Which rows of a task are drawn: see `plan_task`, with the moments of an entity in the place of the cutoffs.

    Raises:
        DataError: a part has no row; says where it would be.
    """
    results = {name: counts.get(name, Counts(0, 0, 0)) for name in (*PARTS, GAP)}
    first, second = (key_of(to_datetime(timestamp)) for timestamp in row_cutoff_bounds(times, task))
    if missing := [name for name in PARTS if not results[name].rows]:
        known = f"{task.known} says" if task.known else f"its window of {task.horizon} days is over"
        raise DataError(
            f"Task {task.name} has no rows for {', '.join(missing)}. Those train whose label is known before {first} "
            f"({known}), those from then on validate whose label is known before {second}, and the later ones test. "
            "Start the grid earlier, return more moments, or say where the parts begin: `split`."
        )
    rows = {name: entry.rows for name, entry in results.items()}
    per_entity = rows["train"] / max(results["train"].entities, 1)
    draws: dict[str, Draw] = {}
    for name in rows:
        if name in ("train", GAP):
            draws[name] = draw(rows["train"] + rows[GAP], most["train"], round(max(per_entity, 1)))
        else:
            entry = draw(rows[name], most[name], 1)
            draws[name] = Draw(entry.entities * entry.cutoffs, 1.0)
    plan = TaskPlan(max(draw.entities for draw in draws.values()), rows, draws, seed)
    return keeping_positives(plan, results["train"].positives, most["train"])
