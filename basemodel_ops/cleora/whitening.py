"""Whitening: a linear map after which centred vectors have unit covariance, from their covariance.

Any map W with W' C W = 1 whitens, and two such maps differ by a rotation, which neither the Cleora step nor the L2 norm
nor a cosine notices. The inverse Cholesky factor is the cheapest of them, and written out here it gives the same bytes
on any number of threads, which LAPACK's does not.
"""

import numpy as np
from numba import njit

FLOOR = 1e-5
"""A column of which the columns before leave less than this share of variance unexplained is dropped (becomes zero):
what is left is rounding noise of float32 sums, and scaling it up would invent structure."""


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _factor(covariance: np.ndarray, floor: float) -> np.ndarray:
    """Inverse of the lower Cholesky factor, float64 (dimension, dimension); rows of dropped columns are zero."""
    dimension = len(covariance)
    lower, inverse = np.zeros((dimension, dimension)), np.zeros((dimension, dimension))
    for column in range(dimension):
        left = covariance[column, column]
        for k in range(column):
            left -= lower[column, k] * lower[column, k]
        if left <= floor * covariance[column, column] or left <= 1e-30:
            continue
        pivot = np.sqrt(left)
        lower[column, column] = pivot
        for row in range(column + 1, dimension):
            value = covariance[row, column]
            for k in range(column):
                value -= lower[row, k] * lower[column, k]
            lower[row, column] = value / pivot
        for k in range(column):
            factor = lower[column, k] / pivot
            for j in range(k + 1):
                inverse[column, j] -= factor * inverse[k, j]
        inverse[column, column] = 1 / pivot
    return inverse


def whitening_of(covariance: np.ndarray) -> np.ndarray:
    """Map W, float32 (dimension, dimension), such that centred rows times W have unit covariance.

    Args:
        covariance: Symmetric, float64 (dimension, dimension). Where its rank is lower, W's is too.
    """
    return np.ascontiguousarray(_factor(covariance, FLOOR).T).astype(np.float32)
