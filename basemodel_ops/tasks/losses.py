"""Losses of a mixture of answers, as parts of that of a constant answer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from basemodel_ops.encoders.numbers import signed_expm1

LEAST_CHANCE = 1e-4

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of a mean (rows,) and a target (rows,): the loss of each row, and its slope by the mean."""


def squared(mean: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared error."""
    error = mean - target
    return error**2, 2 * error


def absolute(mean: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absolute error of an amount whose logarithm is the mean."""
    error = signed_expm1(mean) - target
    return np.abs(error), np.sign(error) * np.exp(np.abs(mean))


def log_loss(mean: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log loss of a chance."""
    chance = np.clip(mean, LEAST_CHANCE, 1 - LEAST_CHANCE)
    value = -(target * np.log(chance) + (1 - target) * np.log(1 - chance))
    return value, (chance - target) / (chance * (1 - chance))


@dataclass(frozen=True)
class MixtureLoss:
    """Of a trial: predictions (heads, rows), the target and weights (rows,) whose sum is 1 over a constant's loss."""

    of: Loss
    predictions: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def loss(self, shares: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss of a mixture beside that of a constant, and its slope by the shares."""
        value, slope = self.of(shares @ self.predictions, self.target)
        return float(self.weight @ value), self.predictions @ (self.weight * slope)
