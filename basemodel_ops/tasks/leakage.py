"""A target that an input gives away: nobody foresees that well."""

from math import comb

import numpy as np
from scipy.stats import rankdata

from basemodel_ops.contract.types import TaskType

GIVES_AWAY = 0.999
"""AUROC, or rank correlation, of one input alone from which on it is taken for a copy of the target."""

ROWS = 5000

CHANCE = 10_000
"""Ways to choose the positive rows, per input, from which on no input tells them by chance."""


def _separation(ranks: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """AUROC of each input, either way up, (inputs,); 0 where few rows are, or are not, positive: among many inputs one
    would tell these by chance."""
    count = int(positive.sum())
    others = len(positive) - count
    if min(count, others) < 5 or comb(len(positive), count) < CHANCE * ranks.shape[1]:
        return np.zeros(ranks.shape[1])
    area = (ranks[positive].sum(axis=0) - count * (count + 1) / 2) / (count * others)
    return np.maximum(area, 1 - area)


def telltale(kind: TaskType, inputs: np.ndarray, target: np.ndarray, seed: int) -> int | None:
    """The input (column) that alone tells the target, or None; read on a sample of rows.

    Args:
        kind: A class is told by order, against all others; a number by rank correlation.
        inputs: (rows, inputs).
        target: (rows,).
        seed: Seed of the sample.
    """
    rows = np.random.default_rng(seed).permutation(len(target))[:ROWS]
    some, truth = inputs[rows].astype(np.float64), target[rows]
    if kind is not TaskType.REGRESSION:
        ranks = rankdata(some, axis=0)
        classes = [1] if kind is TaskType.BINARY else np.unique(truth)
        told = np.max([_separation(ranks, truth == one) for one in classes], axis=0)
    elif len(np.unique(truth)) > 2:
        ranks, order = rankdata(some, axis=0), rankdata(truth)
        spread = ranks.std(axis=0) * order.std()
        covariance = ((ranks - ranks.mean(axis=0)) * (order - order.mean())[:, None]).mean(axis=0)
        told = np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))
    else:
        return None
    best = int(told.argmax())
    return best if told[best] >= GIVES_AWAY else None
