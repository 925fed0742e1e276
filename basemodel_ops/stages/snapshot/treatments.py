"""Outcomes and treatments as a label model tells them, as one target."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.tasks.uplift import target_of


def treated_outcomes(table: pa.Table, task: Task) -> pa.ChunkedArray:
    """The outcome of each row, and `TREATED` more where it was treated; null where the label is.

    Args:
        table: Rows with the task's `target` and `treatment`.
        task: That declares them.

    Raises:
        DataError: an outcome or a treatment is neither 0 nor 1, or there is an outcome without a treatment.
    """
    outcome, treatment = (_numbers(table, task, role) for role in ("target", "treatment"))
    is_known = np.asarray(pc.is_valid(outcome))
    missing = is_known & ~np.asarray(pc.is_valid(treatment))
    if missing.any():
        raise DataError(
            f"{task.name} has {task.target} without {task.treatment} in {int(missing.sum())} of {int(is_known.sum())} "
            "rows. Say of each row with an answer whether it was treated, 1 or 0, or leave it out of the model."
        )
    values = [column.fill_null(0.0).to_numpy() for column in (outcome, treatment)]
    for name, column in zip((task.target, task.treatment), values, strict=True):
        wrong = is_known & ~np.isin(column, (0, 1))
        if wrong.any():
            raise DataError(
                f"{name} of {task.name} is {column[wrong][0]:g} in some rows; an uplift task knows 0 and 1. "
                "Compare one treatment with none: leave rows of others out, or ask about each in a task of its own."
            )
    return pa.chunked_array([pa.array(target_of(values[0], values[1]), mask=~is_known)])


def _numbers(table: pa.Table, task: Task, role: str) -> pa.ChunkedArray:
    name = getattr(task, role)
    try:
        return pc.cast(table.column(name), pa.float64())
    except pa.ArrowException:
        raise DataError(
            f"{name} of {task.name} is {table.column(name).type} and holds what is no number. Cast it in the model, "
            f"as {name} = 'yes' or the like."
        ) from None
