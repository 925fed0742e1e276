"""Sums of a number by item: what an amount alone does not tell where it is paid in as well as out.

Of columns of few values, and of these the most frequent, as there are a sum of every number at every half-life.
"""

from collections.abc import Collection, Mapping

import numpy as np

from basemodel_ops.emde import decayed_item_sums
from basemodel_ops.encoders import signed_log1p
from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Spec

FEW, ITEMS = 32, 8
"""Values of a column by whose items numbers are summed, at most; and how many of them, the most frequent."""

MOST = 512
"""Sums of a source, at most: columns that stand later are left out."""


def summed_items(sizes: Mapping[str, int], numbers: Collection[str], half_lives: int) -> dict[str, int]:
    """How many items numbers are summed by, of each column that has that many values; those that stand first."""
    left, result = MOST // max(len(numbers) * half_lives, 1), dict[str, int]()
    for column, size in sizes.items():
        count = min(size, ITEMS)
        if numbers and 2 <= size <= FEW and count <= left:
            result[column], left = count, left - count
    return result


def item_sum_specs(
    source: str, summed: Mapping[str, int], numbers: Collection[str], half_lives: Collection[str]
) -> list[Spec]:
    """Blocks of `item_sum_values`; a detail is the number and the half-life."""
    return [
        ("item_sum", source, column, f"{number}/{half_life}", size)
        for half_life in half_lives
        for number in numbers
        for column, size in summed.items()
    ]


def item_sum_values(
    history: History, cells: np.ndarray, size: int, numbers: Collection[str], days: np.ndarray, half_lives: np.ndarray,
    factors: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Log-scaled decayed sums, (entities, cutoffs, half-lives x numbers x items).

    Args:
        history: Of the entities.
        cells: Items of all columns side by side, int32 (events, columns); -1 for none.
        size: Items of all columns.
        numbers: Columns that are summed.
        days: Cutoffs, (cutoffs,) or (entities, cutoffs).
        half_lives: In days.
        factors: What sums are multiplied by, as if their source had always been observed, (cutoffs, half-lives) or
            (entities, cutoffs, half-lives).
    """
    if not (size and numbers):
        return np.zeros((history.entities, days.shape[-1], 0), np.float32)
    values = np.stack([history.numbers[name] for name in numbers])
    sums = decayed_item_sums(history.start, history.days, cells, size, values, days, half_lives)
    sums *= factors[..., None, None]
    return signed_log1p(sums.reshape(*sums.shape[:2], -1))
