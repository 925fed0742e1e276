"""Reading a task: its rows, and the part that each belongs to."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.inference import family
from basemodel_ops.contract.types import Aggregate, NullTarget, Task
from basemodel_ops.errors import DataError
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.snapshot.censoring import signed_days
from basemodel_ops.stages.snapshot.row_cutoffs import cutoff_of, known_of, parts_of
from basemodel_ops.stages.snapshot.sampling import TaskPlan
from basemodel_ops.stages.snapshot.times import Times, microseconds
from basemodel_ops.stages.snapshot.treatments import treated_outcomes
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of


@dataclass(frozen=True)
class TaskRows:
    """(entity, cutoff) pairs to which a task applies, and the part each belongs to."""

    entity: pa.ChunkedArray
    cutoff: np.ndarray  # microseconds
    target: pa.ChunkedArray | None
    part: np.ndarray  # "train", "validation", "test", "embargo" or "unlabelled"
    weight: np.ndarray | None = None  # of how many rows each speaks, about 1 on average; None where all do of one
    known: np.ndarray | None = None  # microseconds from which on each label is known; None: a horizon after the cutoff

    def take(self, chosen: np.ndarray) -> "TaskRows":
        """The chosen rows (positions)."""
        target = None if self.target is None else self.target.take(pa.array(chosen))
        weight = None if self.weight is None else self.weight[chosen]
        known = None if self.known is None else self.known[chosen]
        return TaskRows(
            self.entity.take(pa.array(chosen)), self.cutoff[chosen], target, self.part[chosen], weight, known
        )


def load_task_rows(warehouse: Warehouse, task: Task, times: Times, plan: TaskPlan | None = None) -> TaskRows:
    """The rows of a task, ordered by entity and cutoff, with their parts; of a `plan` those that it draws.

    Raises:
        DataError: nothing to learn from.
    """
    has_target = task.population is None
    labels = [task.target, *task.label_columns.values()] if has_target else []
    columns = [task.entity, task.cutoff, *labels, *([task.known] if task.known else [])]
    query = rows_query(task.population or task.relation, columns)
    rows = _parted(
        warehouse.read(query if plan is None else warehouse.sampled(query, task.entity, plan.read)), task, times
    )
    if plan is not None and len(rows.cutoff):
        rows = rows.take(np.flatnonzero(plan.keeps(rows.part, rows.entity.combine_chunks(), rows.cutoff)))
        if plan.positives:
            kept = warehouse.read(warehouse.sampled(_positive(warehouse, query, task), task.entity, plan.positives))
            rows = _with_positives(rows, _parted(kept, task, times), plan)
    if not (rows.part != "unlabelled").any():
        raise DataError(f"Task {task.name} has no labelled rows in {task.relation}. Its target is null everywhere.")
    return rows


YES = {"boolean": exp.true(), "number": exp.Literal.number(1), "floating": exp.Literal.number(1)}
"""The target of a row whose answer is yes, by the family of the target's data type."""


def yes_of(warehouse: Warehouse, task: Task) -> exp.Expr | None:
    """What stands in a target for a yes, as its type is in the warehouse; None where no such value can be counted."""
    kinds = {name.lower(): kind for name, kind in warehouse.columns(task.relation).items()}
    return YES.get(family(kinds.get(task.target.lower(), "")))


def _positive(warehouse: Warehouse, query: exp.Select, task: Task) -> exp.Select:
    """The rows of a query of a task whose answer is yes."""
    return query.where(column_of(task.target).eq(yes_of(warehouse, task) or exp.false()))


def positive_entities(warehouse: Warehouse, task: Task) -> exp.Select:
    """The entities with a yes at some cutoff, as one column."""
    return _positive(warehouse, exp.select(column_of(task.entity)).distinct().from_(table_of(task.relation)), task)


def _with_positives(rows: TaskRows, kept: TaskRows, plan: TaskPlan) -> TaskRows:
    """Drawn rows with all the positive ones that are kept in the place of those drawn, and the weights of both."""
    if rows.target is None:
        return rows
    target = pc.cast(rows.target, pa.float64()).fill_null(0).to_numpy()
    drawn = rows.take(np.flatnonzero((target != 1) | (rows.part == "unlabelled")))
    kept = kept.take(np.flatnonzero(kept.part != "unlabelled"))
    weight = np.concatenate(
        [
            [1 / plan.drawn(part) if part in plan.draws else 1.0 for part in drawn.part],
            np.full(len(kept.part), 1 / plan.positives),
        ]
    )
    part = np.concatenate([drawn.part, kept.part])
    weight /= weight[part != "unlabelled"].mean() if (part != "unlabelled").any() else 1.0
    if drawn.target is None or kept.target is None:
        return rows
    entity = pa.chunked_array([*drawn.entity.chunks, *kept.entity.chunks], type=drawn.entity.type)
    targets = pa.chunked_array([*drawn.target.chunks, *kept.target.chunks], type=drawn.target.type)
    known = None
    if drawn.known is not None and kept.known is not None:
        known = np.concatenate([drawn.known, kept.known])
    return TaskRows(entity, np.concatenate([drawn.cutoff, kept.cutoff]), targets, part, weight, known)


def _parted(table: pa.Table, task: Task, times: Times) -> TaskRows:
    """The rows of a table with the part that each belongs to."""
    has_target = task.population is None
    cutoff = microseconds(table.column(task.cutoff))
    target = _target(table, task, cutoff, times.data_end) if has_target else None
    if task.has_row_cutoffs:
        cutoff = cutoff_of(task, cutoff)
        known = known_of(task, table, cutoff)
        part = _labelled(task, parts_of(task, times, cutoff, known), target)
        return TaskRows(table.column(task.entity), cutoff, target, part, known=known)
    part = np.full(len(cutoff), "unlabelled", dtype="<U10")
    if task.horizon is None:
        labelled = np.asarray(pc.is_valid(target)) if target is not None else np.zeros(len(cutoff), bool)
        part[labelled] = "train"
    else:
        split = times.split(task.horizon, task.name, task.split)
        part[cutoff + task.horizon * DAY <= times.data_end] = "embargo"
        for name in ("train", "validation", "test"):
            part[np.isin(cutoff, getattr(split, name))] = name
    return TaskRows(table.column(task.entity), cutoff, target, _labelled(task, part, target))


def _labelled(task: Task, part: np.ndarray, target: pa.ChunkedArray | None) -> np.ndarray:
    """The parts of rows, but of those whose target was never known, where the task says that some are."""
    if target is None or task.null_target is NullTarget.REFUSE:
        return part
    return np.where(np.asarray(pc.is_valid(target)), part, "unlabelled")


def _target(table: pa.Table, task: Task, cutoff: np.ndarray, data_end: int) -> pa.ChunkedArray:
    """The targets of a table; days that are negative where an event was not seen, outcomes with their treatment."""
    if task.treatment:
        return treated_outcomes(table, task)
    return signed_days(table, task, cutoff, data_end) if task.observed else table.column(task.target)


def newest_per_entity(rows: TaskRows) -> TaskRows:
    """The newest labelled row of each entity: a trait is one label, however many cutoffs repeat it."""
    labelled = np.flatnonzero(rows.part != "unlabelled")
    codes = pc.dictionary_encode(rows.entity.combine_chunks()).indices.to_numpy(zero_copy_only=False)[labelled]
    order = np.lexsort((rows.cutoff[labelled], codes))
    last = np.append(np.diff(codes[order]) != 0, True)
    return rows.take(np.sort(labelled[order[last]]))


def known_before_test(rows: TaskRows, horizon: int | None) -> np.ndarray:
    """Positions of the labelled rows whose window (days) is over when the test begins; of a trait, all but the test.

    What is measured on the test has learnt from these: as what ships, it knows the newest labels.
    """
    is_test = rows.part == "test"
    is_known = ~is_test if horizon is None else known_at(rows, horizon) <= rows.cutoff[is_test].min()
    return np.flatnonzero(is_known & (rows.part != "unlabelled"))


def known_at(rows: TaskRows, horizon: int) -> np.ndarray:
    """From which cutoff on the label of each row is known, (rows,) microseconds; `horizon` in days."""
    return rows.cutoff + horizon * DAY if rows.known is None else rows.known


def known_from(rows: TaskRows) -> np.ndarray:
    """The moment, (rows,) microseconds, whose knowledge of other rows' answers a row may use.

    Its own cutoff; in validation and test the first of the part, since what ships knows nothing newer either. Of rows
    at moments of their own, which are any number a day, the midnight before.
    """
    result = rows.cutoff.copy() if rows.known is None else rows.cutoff - rows.cutoff % DAY
    for part in ("validation", "test"):
        is_in_part = rows.part == part
        if is_in_part.any():
            result[is_in_part] = rows.cutoff[is_in_part].min()
    return result


def prepared(task: Task, rows: TaskRows, seed: int) -> TaskRows:
    """The rows that a task learns from and is measured by."""
    if task.horizon is None:
        return static_target_parts(newest_per_entity(rows), seed)
    is_kept = rows.part != "unlabelled"
    if task.predicts is not None and task.predicts.aggregate is Aggregate.MEAN and rows.target is not None:
        is_kept &= np.asarray(pc.is_valid(rows.target))  # the mean of no events is not known, and is not learnt from
    return rows.take(np.flatnonzero(is_kept))


def static_target_parts(rows: TaskRows, seed: int) -> TaskRows:
    """Traits do not move in time, so entities are split instead: a quarter tests, a fifth of the rest validates."""
    codes = np.random.default_rng(seed).random(len(rows.cutoff))
    part = np.where(codes < 0.25, "test", np.where(codes < 0.40, "validation", "train"))
    return replace(rows, part=part)
