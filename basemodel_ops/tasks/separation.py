"""How well single inputs tell a target: classes by order, numbers by rank correlation."""

from collections.abc import Iterable
from math import comb

import numpy as np
from scipy.stats import rankdata

CHANCE = 10_000
"""Ways to choose the positive rows, per input, from which on no input tells them by chance."""


def class_separations(inputs: np.ndarray, target: np.ndarray, classes: Iterable[float]) -> np.ndarray:
    """AUROC of each input (rows, inputs), either way up, of the class that it tells best from all others, (inputs,)."""
    ranks = rankdata(inputs, axis=0)
    return np.max([_separation(ranks, target == entry) for entry in classes], axis=0)


def rank_correlations(inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Rank correlation of each input with a number, without its sign, (inputs,); None of fewer than three values."""
    if len(np.unique(target)) <= 2:
        return None
    ranks, order = rankdata(inputs, axis=0), rankdata(target)
    spread = ranks.std(axis=0) * order.std()
    covariance = ((ranks - ranks.mean(axis=0)) * (order - order.mean())[:, None]).mean(axis=0)
    return np.abs(np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0))


def _separation(ranks: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """AUROC of each input, either way up, (inputs,); 0 where few rows are, or are not, positive: among many inputs one
    would tell these by chance."""
    count = int(positive.sum())
    others = len(positive) - count
    if min(count, others) < 5 or comb(len(positive), count) < CHANCE * ranks.shape[1]:
        return np.zeros(ranks.shape[1])
    area = (ranks[positive].sum(axis=0) - count * (count + 1) / 2) / (count * others)
    return np.maximum(area, 1 - area)
