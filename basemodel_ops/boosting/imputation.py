"""Targets whose window is not over, completed: what is known of its beginning, and what is expected of the rest."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from basemodel_ops.boosting.activity import fit_activity


def impute(
    inputs: np.ndarray, targets: np.ndarray, horizon_groups: Sequence[Sequence[int]], is_binary: np.ndarray, seed: int
) -> np.ndarray:
    """The targets, float32, with what is expected in place of those of which only the beginning is known.

    Only rows of long ago know a long window, and what they teach may not hold any more. Newer rows know how it began.
    The rest is learnt from the rows that know both and is added (Buckley and James, Biometrika 66(3), 1979, with
    boosting in place of a line). A future that is known stays as it is; one of which no beginning is known, or that no
    row knows, stays unknown.

    Args:
        inputs: (rows, features) float32.
        targets: (rows, targets), not-a-number where unknown.
        horizon_groups: Positions of the targets of one quantity, by growing horizon; of windows from the same cutoff.
        is_binary: (targets,) bool, which targets are yes or no: a yes of the beginning is one of the whole.
        seed: Seed of the boosting.
    """
    result = targets.astype(np.float32)
    unknown = np.isnan(result)
    steps = [
        (shorter, longer)
        for group in horizon_groups
        for shorter, longer in pairwise(group)
        if (unknown[:, longer] & ~unknown[:, group[0]]).any() and not unknown[:, longer].all()
    ]
    if not steps:
        return result
    shorter_horizon, full = (np.array(indices) for indices in zip(*steps, strict=True))
    rest = result[:, full] - result[:, shorter_horizon]
    rest[(result[:, shorter_horizon] > 0) & is_binary[full]] = np.nan  # of a yes nothing is left to learn
    is_open = unknown[:, full].any(axis=1)
    expected = fit_activity(inputs, rest, is_binary[full], seed).predict(inputs[is_open])
    rows = result[is_open]
    for (shorter, longer), after in zip(steps, expected.T, strict=True):
        first = rows[:, shorter]
        added = (1 - first) * (1 / (1 + np.exp(-after))) if is_binary[longer] else after
        rows[:, longer] = np.where(np.isnan(rows[:, longer]), first + added, rows[:, longer])
    result[is_open] = rows
    return result
