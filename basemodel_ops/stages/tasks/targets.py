"""Targets of tasks: as numbers, where something can be learnt of them."""

import numpy as np

from basemodel_ops.contract.types import Target, Task
from basemodel_ops.errors import DataError
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.tasks.kinds import kind_of


def target_of(task: Task) -> Target:
    """The event column that a task predicts; DataError where it names none."""
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it predicts. Add `predicts`.")
    return task.predicts


def read_targets(task: Task, rows: TaskRows) -> tuple[np.ndarray, list[str] | None]:
    """Targets as numbers, and the class names of a multiclass task."""
    if rows.target is None:
        raise DataError(f"Task {task.name} has no target column {task.target}.")
    return kind_of(task.type).read(task, rows.target)


def refuse_constant(task: Task, target: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    """DataError where a part has no rows, or those to learn from have one answer only."""
    refuse_empty(task, parts)
    if len(np.unique(target[parts["train"]])) < 2:
        raise DataError(
            f"Target {task.target} of {task.name} has one value only in its {len(parts['train'])} training rows. Start "
            "the grid earlier, shorten the horizon, or widen the task's population."
        )


def refuse_empty(task: Task, parts: dict[str, np.ndarray]) -> None:
    """DataError where nobody has an answer in a part."""
    for name, rows in parts.items():
        if len(rows) == 0:
            way_out = "Label more of them" if task.horizon is None else "Return answers for all complete cutoffs"
            raise DataError(f"Task {task.name} has no labelled rows for {name}. {way_out}.")
