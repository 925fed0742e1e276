"""A target that an input gives away: nobody foresees that well."""

import numpy as np
from scipy.stats import rankdata

from basemodel_ops.contract.types import TaskType

GIVES_AWAY = 0.999
"""AUROC, or rank correlation, of one input alone from which on it is taken for a copy of the target."""

ROWS = 5000


def telltale(kind: TaskType, inputs: np.ndarray, target: np.ndarray, seed: int) -> int | None:
    """The input (column) that alone tells the target, or None; read on a sample of rows.

    Args:
        kind: Binary targets are told by order, numbers by rank correlation; others are not looked at.
        inputs: (rows, inputs).
        target: (rows,).
        seed: Seed of the sample.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:ROWS]
    some, truth = inputs[rows].astype(np.float64), target[rows]
    if kind is TaskType.BINARY:
        positive = truth > 0
        count = positive.sum()
        if min(count, len(rows) - count) < 5:
            return None
        ranks = rankdata(some, axis=0)
        area = (ranks[positive].sum(axis=0) - count * (count + 1) / 2) / (count * (len(rows) - count))
        told = np.maximum(area, 1 - area)
    elif kind is TaskType.REGRESSION and len(np.unique(truth)) > 2:
        ranks, order = rankdata(some, axis=0), rankdata(truth)
        spread = ranks.std(axis=0) * order.std()
        covariance = ((ranks - ranks.mean(axis=0)) * (order - order.mean())[:, None]).mean(axis=0)
        told = np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))
    else:
        return None
    best = int(told.argmax())
    return best if told[best] >= GIVES_AWAY else None
