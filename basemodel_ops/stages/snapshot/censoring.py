"""Times to an event as a label model tells them: days, and whether the event was seen."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.representation.history import DAY

SECOND = 1 / 86_400
"""Days that rounding may add to a duration."""


def signed_days(table: pa.Table, task: Task, cutoff: np.ndarray, data_end: int) -> pa.ChunkedArray:
    """Days until the event, negative where it was not seen until then; null where the label is.

    Args:
        table: Rows with the task's `target` and `observed`.
        task: That declares them.
        cutoff: (rows,) microseconds.
        data_end: Microseconds.

    Raises:
        DataError: a number of days is none, is below zero or goes beyond the end of the data, or it is not said
            whether the event was seen.
    """
    about = f"{task.target} of {task.name}"
    try:
        given = pc.cast(table.column(task.target), pa.float64())
        seen = pc.cast(table.column(task.observed or ""), pa.bool_())
    except pa.ArrowException as error:
        raise DataError(
            f"Target {about} should be a number of days, and {task.observed} true or false: {error}. Cast them."
        ) from None
    is_known = np.asarray(pc.is_valid(given))
    days = given.fill_null(0.0).to_numpy()
    wrong = {
        f"has days without {task.observed}": is_known & ~np.asarray(pc.is_valid(seen)),
        "is below zero or no number": is_known & ~(days >= 0),
        "goes beyond the end of the data, which is where it is censored at the latest": is_known
        & (days > (data_end - cutoff) / DAY + SECOND),
    }
    for problem, rows in wrong.items():
        if rows.any():
            raise DataError(f"Target {about} {problem}, in {int(rows.sum())} of {int(is_known.sum())} rows.")
    signed = np.where(seen.fill_null(False).to_numpy(), days, -days)
    return pa.chunked_array([pa.array(signed, mask=~is_known)])
