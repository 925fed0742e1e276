"""Futures whose window is not over, completed: what is known of its beginning, and what is expected of the rest."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from basemodel_ops.bank.activity import fit_bank


def complete(
    inputs: np.ndarray, futures: np.ndarray, chains: Sequence[Sequence[int]], is_any: np.ndarray, seed: int
) -> np.ndarray:
    """The futures, float32, with what is expected in place of those of which only the beginning is known.

    Only rows of long ago know a long window, and what they teach may not hold any more. Newer rows know how it began.
    The rest is learnt from the rows that know both and is added (Buckley and James, Biometrika 66(3), 1979, with
    boosting in place of a line). A future that is known stays as it is; one of which no beginning is known, or that no
    row knows, stays unknown.

    Args:
        inputs: (rows, features) float32.
        futures: (rows, futures), not-a-number where unknown.
        chains: Positions of the futures of one quantity, by growing horizon; of windows from the same cutoff.
        is_any: (futures,) bool, which futures are yes or no: a yes of the beginning is one of the whole.
        seed: Seed of the boosting.
    """
    found = futures.astype(np.float32)
    unknown = np.isnan(found)
    steps = [
        (shorter, longer)
        for chain in chains
        for shorter, longer in pairwise(chain)
        if (unknown[:, longer] & ~unknown[:, chain[0]]).any() and not unknown[:, longer].all()
    ]
    if not steps:
        return found
    begun, whole = (np.array(places) for places in zip(*steps, strict=True))
    rest = found[:, whole] - found[:, begun]
    rest[(found[:, begun] > 0) & is_any[whole]] = np.nan  # of a yes nothing is left to learn
    is_open = unknown[:, whole].any(axis=1)
    expected = fit_bank(inputs, rest, is_any[whole], seed).answers(inputs[is_open])
    rows = found[is_open]
    for (shorter, longer), after in zip(steps, expected.T, strict=True):
        first = rows[:, shorter]
        added = (1 - first) * (1 / (1 + np.exp(-after))) if is_any[longer] else after
        rows[:, longer] = np.where(np.isnan(rows[:, longer]), first + added, rows[:, longer])
    found[is_open] = rows
    return found
