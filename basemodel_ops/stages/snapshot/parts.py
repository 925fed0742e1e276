"""What a task was learnt from and measured by, said in its report: cutoffs and rows of each part."""

import numpy as np

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Task
from basemodel_ops.stages.snapshot.row_cutoffs import INSTANT
from basemodel_ops.stages.snapshot.times import to_datetime

PARTS = ("train", "validation", "test")


def parts_used(task: Task, cutoff: np.ndarray, part: np.ndarray) -> dict[str, str | int]:
    """How a task is split, and of each part that has rows how many there are, of which cutoffs.

    Args:
        task: A trait is split by entity, and its rows are of any cutoff.
        cutoff: Of the rows, microseconds (rows,).
        part: "train", "validation", "test" or another (rows,).
    """
    how = "given" if task.split is not None else "automatic" if task.horizon is not None else "by entity"
    results: dict[str, str | int] = {"split": how}
    for name in PARTS:
        cutoffs = np.unique(cutoff[part == name])
        if not len(cutoffs):
            continue
        results[f"{name} rows"] = int((part == name).sum())
        if task.horizon is not None:
            first, last = (
                key_of(to_datetime(int(timestamp) - task.has_row_cutoffs * INSTANT)) for timestamp in cutoffs[[0, -1]]
            )
            results[f"{name} {'moments' if task.has_row_cutoffs else 'cutoffs'}"] = (
                f"{first} to {last}, {len(cutoffs)} of them" if len(cutoffs) > 1 else first
            )
    return results
