"""How an answer follows from what boosted models add up: its value at their base, and mean slopes from there.

Each takes the base and the raw sums, (rows, members, outputs), and returns answers at the base of the same shape and
slopes (rows, members, outputs, raw outputs), whose product with `raw - base` is how far the answer moves.
"""

import numpy as np
from scipy.special import expit, softmax

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2
"""Of the integral along the line from the base, from 0 to 1."""


def identity_link(base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers are the sums themselves."""
    return base, np.ones((*base.shape, 1))


def logistic_link(base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers are chances of a yes."""
    apart = raw - base
    flat = expit(base) * expit(-base)
    slope = np.divide(expit(raw) - expit(base), apart, out=flat, where=np.abs(apart) > 1e-9)
    return expit(base), slope[..., None]


def softmax_link(base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers are chances of classes."""
    slopes = np.zeros((*base.shape, base.shape[-1]))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        chance = softmax(base + node * (raw - base), axis=-1)
        slopes += weight * (chance[..., None] * np.eye(base.shape[-1]) - chance[..., None] * chance[..., None, :])
    return softmax(base, axis=-1), slopes
