"""Whom tasks ask about at a cutoff, and the rows that are represented to answer them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.cutoffs import key_of, midnight
from basemodel_ops.contract.types import Grid, Task
from basemodel_ops.encoders.hashing import hash_values, pair_ids
from basemodel_ops.errors import DataError
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.snapshot.row_cutoffs import cutoff_of
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of


@dataclass(frozen=True)
class Population:
    """The entities of the rows that a task asks about; of a task with moments of its own also the cutoff of each."""

    entities: pa.ChunkedArray
    cutoff: np.ndarray | None = None  # microseconds

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def fingerprint(self) -> str:
        """A hash of the rows, whatever their order."""
        hashes = hash_values(self.entities.combine_chunks())
        if self.cutoff is not None:
            hashes = pair_ids(hashes.view(np.int64), self.cutoff)
        return f"{len(hashes)} {int(np.bitwise_xor.reduce(hashes)) if len(hashes) else 0}"


def population_query(grid: Grid, task: Task, as_of: datetime, is_open: bool = True) -> exp.Select:
    """The entities that a task asks about at `as_of`; of a trait, where `is_open`, those whose answer is not known.

    A task with moments of its own asks about whoever had one since the cutoff before.
    """
    query = exp.select(exp.alias_(column_of(task.entity), "entity", quoted=True)).distinct()
    query = query.from_(table_of(task.population or task.relation)).where(_within(grid, task, as_of))
    if task.horizon is None and task.population is None and is_open:
        query = query.where(column_of(task.target).is_(exp.null()))
    return query


def _within(grid: Grid, task: Task, as_of: datetime) -> exp.Expr:
    """Whether a row of a task belongs to the partition of `as_of`."""
    if not task.has_row_cutoffs:
        return column_of(task.cutoff).eq(timestamp_of(as_of))
    before = exp.LT(this=column_of(grid.cutoff), expression=timestamp_of(as_of))
    since = exp.select(exp.Max(this=column_of(grid.cutoff))).from_(table_of(grid.relation)).where(before)
    return exp.and_(
        exp.GTE(this=column_of(task.cutoff), expression=since.subquery()),
        exp.LT(this=column_of(task.cutoff), expression=timestamp_of(as_of)),
    )


def population_at(warehouse: Warehouse, grid: Grid, task: Task, as_of: datetime, is_open: bool = True) -> Population:
    """The rows that a task asks about at `as_of`. Where moments are its own there may be none.

    Raises:
        DataError: there are none of a task at the cutoffs of the grid.
    """
    if task.has_row_cutoffs:
        timestamp = exp.alias_(column_of(task.cutoff), "moment", quoted=True)
        table = warehouse.read(population_query(grid, task, as_of).select(timestamp))
        return Population(table.column(0), cutoff_of(task, microseconds(table.column(1))))
    entities = warehouse.read(population_query(grid, task, as_of, is_open)).column(0)
    if not len(entities):
        cutoff = exp.alias_(exp.Max(this=column_of(task.cutoff)), "newest", quoted=True)
        newest = (
            warehouse.read(exp.select(cutoff).from_(table_of(task.population or task.relation))).column(0)[0].as_py()
        )
        ends = f"Its cutoffs end at {key_of(midnight(newest))}. " if newest else "It has no rows at all. "
        raise DataError(
            f"Task {task.name} has no rows to score as of {key_of(as_of)}. {ends}"
            "Score one of its cutoffs, or bring newer events into the warehouse."
        )
    return Population(entities)


@dataclass(frozen=True)
class PopulationRows:
    """Rows to represent, ascending by entity and cutoff, and which of them are whose."""

    entity: np.ndarray  # (rows,) position
    cutoff: np.ndarray  # (rows,) microseconds
    is_newest: np.ndarray  # (rows,) bool, at the cutoff of the partition
    members: list[np.ndarray]  # (rows,) bool, of each question

    def __len__(self) -> int:
        return len(self.entity)


def rows_of_populations(
    builder: Builder, cutoff: int, populations: Sequence[Population], everyone: bool
) -> PopulationRows:
    """The rows that questions are about, and those of everyone at the cutoff where `everyone` is kept."""
    count = len(builder.entities)
    known = [builder.entities.encode(population.entities).astype(np.int64) for population in populations]
    is_at_cutoff = everyone or any(population.cutoff is None for population in populations)
    newest = np.arange(count if is_at_cutoff else 0)  # those who are not asked are few
    pairs = [np.stack([newest, np.full(len(newest), cutoff)])]
    for index, population in zip(known, populations, strict=True):
        if population.cutoff is not None:
            pairs.append(np.stack([index, population.cutoff])[:, index >= 0])
    every, row_index = pairs[0], np.arange(len(newest))
    if len(pairs) > 1:
        every, row_index = np.unique(np.concatenate(pairs, axis=1), axis=1, return_inverse=True)
    at_cutoff, *row_indices = np.split(row_index.ravel(), np.cumsum([pair.shape[1] for pair in pairs])[:-1])
    members = [np.zeros(every.shape[1], bool) for _ in populations]
    others = iter(row_indices)
    for flags, index, population in zip(members, known, populations, strict=True):
        flags[at_cutoff[index[index >= 0]] if population.cutoff is None else next(others)] = True
    return PopulationRows(every[0], every[1], every[1] == cutoff, members)
