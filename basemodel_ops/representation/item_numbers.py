"""A number by item: what an amount alone does not tell where it is paid in as well as out, or a result of which test.

Of columns of few values, and of these the most frequent, as there are a sum and a mean of every number at every
half-life.
"""

from collections.abc import Collection, Mapping

import numpy as np

from basemodel_ops.emde import item_numbers
from basemodel_ops.encoders import signed_log1p
from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Spec

FEW, ITEMS = 32, 8
"""Values of a column by whose items numbers are told, at most; and how many of them, the most frequent."""

MOST = 512
"""Numbers of a source that are told so, at most: columns that stand later are left out."""


def numbers_each(numbers: int, half_lives: int) -> int:
    """How many numbers an item of a column has, of so many number columns."""
    return numbers * (2 * half_lives + 1)


def measured_items(sizes: Mapping[str, int], numbers: Collection[str], half_lives: int) -> dict[str, int]:
    """How many items numbers are told by, of each column that has that many values; those that stand first."""
    left, result = MOST // max(numbers_each(len(numbers), half_lives), 1), dict[str, int]()
    for column, size in sizes.items():
        count = min(size, ITEMS)
        if numbers and 2 <= size <= FEW and count <= left:
            result[column], left = count, left - count
    return result


def item_number_specs(
    source: str, measured: Mapping[str, int], numbers: Collection[str], half_lives: Collection[str]
) -> list[Spec]:
    """Blocks of `numbers_by_item`; a detail is the number, and of sums and means the half-life."""
    faded: list[Spec] = [
        (kind, source, column, f"{number}/{half_life}", size)
        for kind in ("item_sum", "item_mean")
        for half_life in half_lives
        for number in numbers
        for column, size in measured.items()
    ]
    return [
        *faded,
        *(("item_last", source, column, f"{number}/", size) for number in numbers for column, size in measured.items()),
    ]


def numbers_by_item(
    history: History, cells: np.ndarray, size: int, numbers: Collection[str], days: np.ndarray, half_lives: np.ndarray,
    factors: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Log-scaled decayed sums, means and newest values, (entities, cutoffs, (2 x half-lives + 1) x numbers x items).

    Args:
        history: Of the entities.
        cells: Items of all columns side by side, int32 (events, columns); -1 for none.
        size: Items of all columns.
        numbers: Columns of numbers.
        days: Cutoffs, (cutoffs,) or (entities, cutoffs).
        half_lives: In days.
        factors: What sums are multiplied by, as if their source had always been observed, (cutoffs, half-lives) or
            (entities, cutoffs, half-lives).
    """
    if not (size and numbers):
        return np.zeros((history.entities, days.shape[-1], 0), np.float32)
    values = np.stack([history.numbers[name] for name in numbers])
    moments = item_numbers(history.start, history.days, cells, size, values, days, half_lives)
    parts = [moments.total * factors[..., None, None], moments.mean, moments.last]
    return signed_log1p(np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=2))
