"""Moments in microseconds, and the grid of cutoffs with what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.cutoffs import midnight
from basemodel_ops.contract.types import Contract, CountedSplit, GivenSplit, Grid, Task
from basemodel_ops.errors import DataError
from basemodel_ops.settings import Settings
from basemodel_ops.tasks.split import DAY, Split, split_cutoffs, split_from
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

TESTED = 0.01
"""Share of the complete cutoffs that test, if that is more than the settings say: four of thousands have few rows."""


def microseconds(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Timestamps or dates as microseconds since 1970, int64."""
    return pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()).to_numpy(zero_copy_only=False)


def to_microseconds(timestamp: datetime) -> int:
    """A naive moment (UTC) as microseconds since 1970."""
    return int(timestamp.replace(tzinfo=UTC).timestamp() * 1_000_000)


def to_datetime(timestamp: int) -> datetime:
    """The inverse of `to_microseconds`."""
    return datetime.fromtimestamp(timestamp / 1_000_000, UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Times:
    """The grid and what follows from it, in microseconds."""

    cutoffs: np.ndarray
    data_end: int
    training_end: int
    """No encoder, embedding or pretraining target sees anything from here on: the tasks' validation begins here."""
    validations: int = 2
    tests: int = 4

    def split(self, horizon: int, task: str, given: GivenSplit | CountedSplit | None = None, more: int = 0) -> Split:
        """Parts of the cutoffs for a horizon in days: as a task's declaration gives them, else as the settings say.

        Of a long grid `TESTED` of the complete cutoffs test, and half as many validate, if that is more than the
        settings say. `more` cutoffs validate than are counted.
        """
        if isinstance(given, GivenSplit):
            return split_from(self.cutoffs, self.data_end, horizon, *_begins(given), task)
        if given:
            validations, tests = given.validation, given.test
        else:
            part = int(TESTED * len(self.complete(horizon)))
            validations, tests = max(self.validations, part // 2), max(self.tests, part)
        return split_cutoffs(
            self.cutoffs, self.data_end, horizon, task, validations + more, tests, exactly=given is not None
        )

    def complete(self, horizon: int) -> np.ndarray:
        """The cutoffs whose window (days) is over."""
        return self.cutoffs[self.cutoffs + horizon * DAY <= self.data_end]


def read_times(contract: Contract, settings: Settings, warehouse: Warehouse) -> Times:
    """The grid's cutoffs, the end of the data and of training, as the warehouse has them now.

    Raises:
        DataError: the grid is empty, or too short for a task.
    """
    grid = contract.grid
    rows = warehouse.read(rows_query(grid.relation, [grid.cutoff, grid.data_end]))
    if rows.num_rows == 0:
        raise DataError(f"Model {grid.relation} has no cutoffs. Start its grid before the end of the data.")
    cutoffs = np.sort(microseconds(rows.column(0)))
    data_end = int(microseconds(rows.column(1)).max())
    times = Times(cutoffs, data_end, int(cutoffs[-1]), settings.validation_cutoffs, settings.test_cutoffs)
    return replace(times, training_end=_training_end(times, contract.tasks))


def read_cutoffs(warehouse: Warehouse, grid: Grid) -> list[datetime]:
    """The moments in the grid's table, ascending; none where there is no such table yet."""
    if not warehouse.exists(grid.relation):
        return []
    result = microseconds(warehouse.read(rows_query(grid.relation, [grid.cutoff])).column(0))
    return [to_datetime(int(timestamp)) for timestamp in np.unique(result)]


def _training_end(times: Times, tasks: Iterable[Task]) -> int:
    """The first moment by which some task is validated."""
    return min((validated_from(times, task) for task in tasks if task.horizon is not None), default=times.training_end)


def validated_from(times: Times, task: Task) -> int:
    """The moment from which on nothing is learnt from before a task is validated; of a task with a horizon.

    The first validation cutoff, or what the task's declaration says, which may be earlier.
    """
    if task.has_row_cutoffs:
        return row_cutoff_bounds(times, task)[0]
    first = int(times.split(task.horizon or 0, task.name, task.split).validation[0])
    return _begins(task.split)[0] if isinstance(task.split, GivenSplit) else first


def row_cutoff_bounds(times: Times, task: Task) -> tuple[int, int]:
    """Where validation and test begin of a task with moments of its own, microseconds.

    At the moments that its declaration gives; else at cutoffs of the grid, so that it validates over as many of its
    steps as others have cutoffs, and tests from the first on that would test one with the same window.
    """
    if isinstance(task.split, GivenSplit):
        return _begins(task.split)
    split = times.split(task.horizon or 0, task.name, task.split, more=1)
    return int(split.validation[0]), int(split.test[0])


def _begins(split: GivenSplit) -> tuple[int, int]:
    """Where validation and test begin, microseconds."""
    return to_microseconds(midnight(split.validation_from)), to_microseconds(midnight(split.test_from))
