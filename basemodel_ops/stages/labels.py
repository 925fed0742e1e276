"""Reading a task: its rows, and the part that each belongs to."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.artifacts import Draft
from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.planning import TaskPlan
from basemodel_ops.stages.times import Times, microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

Metrics = dict[str, dict[str, float]]
"""Metrics by candidate."""


@dataclass(frozen=True)
class Rows:
    """(entity, cutoff) pairs to which a task applies, and the part each belongs to."""

    entity: pa.ChunkedArray
    cutoff: np.ndarray  # microseconds
    target: pa.ChunkedArray | None
    part: np.ndarray  # "train", "validation", "test", "gap" or "open"

    def take(self, chosen: np.ndarray) -> "Rows":
        """The chosen rows (positions)."""
        target = None if self.target is None else self.target.take(pa.array(chosen))
        return Rows(self.entity.take(pa.array(chosen)), self.cutoff[chosen], target, self.part[chosen])


def population(warehouse: Warehouse, task: Task, times: Times, plan: TaskPlan | None = None) -> Rows:
    """The rows of a task, ordered by entity and cutoff, with their parts; of a `plan` those that it draws.

    Raises:
        DataError: nothing to learn from.
    """
    has_target = task.population is None
    columns = [task.entity, task.cutoff, *([task.target] if has_target else [])]
    query = rows_query(task.population or task.relation, columns)
    table = warehouse.read(query if plan is None else warehouse.sampled(query, task.entity, plan.read))
    cutoff = microseconds(table.column(task.cutoff))
    target = table.column(task.target) if has_target else None
    part = np.full(len(cutoff), "open", dtype="<U10")
    if task.horizon is None:
        labelled = np.asarray(pc.is_valid(target)) if target is not None else np.zeros(len(cutoff), bool)
        part[labelled] = "train"
    else:
        split = times.split(task.horizon, task.name)
        part[cutoff + task.horizon * DAY <= times.data_end] = "gap"
        for name in ("train", "validation", "test"):
            part[np.isin(cutoff, getattr(split, name))] = name
    rows = Rows(table.column(task.entity), cutoff, target, part)
    if plan is not None and len(cutoff):
        rows = rows.take(np.flatnonzero(plan.keeps(part, rows.entity.combine_chunks(), cutoff)))
        part = rows.part
    if not (part != "open").any():
        raise DataError(f"Task {task.name} has no labelled rows in {task.relation}. Its target is null everywhere.")
    return rows


def newest_per_entity(rows: Rows) -> Rows:
    """The newest labelled row of each entity: a trait is one label, however many cutoffs repeat it."""
    labelled = np.flatnonzero(rows.part != "open")
    codes = pc.dictionary_encode(rows.entity.combine_chunks()).indices.to_numpy(zero_copy_only=False)[labelled]
    order = np.lexsort((rows.cutoff[labelled], codes))
    last = np.append(np.diff(codes[order]) != 0, True)
    return rows.take(np.sort(labelled[order[last]]))


def known_before_test(rows: Rows, horizon: int | None) -> np.ndarray:
    """Positions of the labelled rows whose window (days) is over when the test begins; of a trait, all but the test.

    What is measured on the test has learnt from these: as what ships, it knows the newest labels.
    """
    is_test = rows.part == "test"
    is_known = ~is_test if horizon is None else rows.cutoff + horizon * DAY <= rows.cutoff[is_test].min()
    return np.flatnonzero(is_known & (rows.part != "open"))


def prepared(task: Task, rows: Rows, seed: int) -> Rows:
    """The rows that a task learns from and is measured by."""
    if task.horizon is None:
        return trait_parts(newest_per_entity(rows), seed)
    return rows.take(np.flatnonzero(rows.part != "open"))


def trait_parts(rows: Rows, seed: int) -> Rows:
    """Traits do not move in time, so entities are split instead: a quarter tests, a fifth of the rest validates."""
    codes = np.random.default_rng(seed).random(len(rows.cutoff))
    part = np.where(codes < 0.25, "test", np.where(codes < 0.40, "validation", "train"))
    return Rows(rows.entity, rows.cutoff, rows.target, part)


def fitted_numbers(
    draft: Draft, plan: TaskPlan, shipped: str, validation: Metrics, test: Metrics
) -> dict[str, float | int | str]:
    """Write the metrics of all candidates; what is reported of a fitted task."""
    draft.json("metrics", {"shipped": shipped, "validation": validation, "test": test})
    drawn = {f"drawn_{part}": round(plan.drawn(part), 4) for part in plan.rows}
    return {"shipped": shipped, "labelled_rows": sum(plan.rows.values()), **drawn}
