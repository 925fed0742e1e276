"""Back from the stored form of a sketch to its counts: the part of the representation that can be asked."""

import numpy as np

STEPS = 60
"""Halvings of the search for a row's scale; more than float64 can tell apart."""


def invert_sketch(rows: np.ndarray, total_weight: np.ndarray) -> np.ndarray:
    """Decayed counts of stored rows, float64 (rows, width).

    A stored row is log(1 + counts) at L2 length 1, so it keeps the counts up to one unknown, its length. The mass
    determines it, which all rows of a sketch share, since every event adds once to each: sum(exp(length x row) - 1) =
    mass, and the left side grows with the length.

    Args:
        rows: Non-negative, (rows, width); a row of zeros holds nothing.
        total_weight: Sum of the counts of each row, (rows,).
    """
    values = rows.astype(np.float64)
    peak = np.maximum(values.max(axis=1), 1e-12)
    low, high = np.zeros(len(values)), np.log1p(np.maximum(total_weight, 0)) / peak
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = np.expm1(middle[:, None] * values).sum(axis=1) < total_weight
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.expm1(high[:, None] * values)
