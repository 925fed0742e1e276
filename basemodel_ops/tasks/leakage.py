"""Detects a feature that leaks the target."""

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of

LEAKING = 0.999
"""AUROC, or rank correlation, of one input alone from which on it is taken for a copy of the target."""

ROWS = 5000


def find_leaking_feature(kind: TaskType, inputs: np.ndarray, target: np.ndarray, seed: int) -> int | None:
    """The input (column) that alone tells the target, or None; read on a sample of rows.

    Args:
        kind: A class is told by order, against all others; a number by rank correlation.
        inputs: (rows, inputs).
        target: (rows,).
        seed: Seed of the sample.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:ROWS]
    leak = kind_of(kind).separations(inputs[rows].astype(np.float64), target[rows])
    if leak is None:
        return None
    best = int(leak.argmax())
    return best if leak[best] >= LEAKING else None
