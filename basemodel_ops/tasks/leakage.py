"""A target that an input gives away: nobody foresees that well."""

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of

GIVES_AWAY = 0.999
"""AUROC, or rank correlation, of one input alone from which on it is taken for a copy of the target."""

ROWS = 5000


def telltale(kind: TaskType, inputs: np.ndarray, target: np.ndarray, seed: int) -> int | None:
    """The input (column) that alone tells the target, or None; read on a sample of rows.

    Args:
        kind: A class is told by order, against all others; a number by rank correlation.
        inputs: (rows, inputs).
        target: (rows,).
        seed: Seed of the sample.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:ROWS]
    told = kind_of(kind).separations(inputs[rows].astype(np.float64), target[rows])
    if told is None:
        return None
    best = int(told.argmax())
    return best if told[best] >= GIVES_AWAY else None
