"""Calibration: what a score is worth as a probability, by later rows than those that the score was learnt from."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

LEAST, LEAST_OF_CLASS, SHRINK = 1e-4, 1e-6, 10.0
"""The smallest chances that are told from none; and what holds the offsets of classes near zero, in rows."""

Weight = np.ndarray | None
Entity = np.ndarray | None


def _indices(rows: int, entity: Entity) -> np.ndarray:
    """The number of each row's entity, (rows,), of which the even ones are a half and the odd ones the other.

    Rows of an entity are alike, so they are not divided: a map that follows them closely would look right there too.
    """
    return np.arange(rows) if entity is None else np.unique(entity, return_inverse=True)[1]


def _logit(score: np.ndarray) -> np.ndarray:
    inside = np.clip(score, LEAST, 1 - LEAST)
    return np.log(inside / (1 - inside))


def _isotonic(score: np.ndarray, target: np.ndarray, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, target, weight)
    return np.asarray(curve.X_thresholds_), np.asarray(curve.y_thresholds_)


def _platt(score: np.ndarray, target: np.ndarray, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    """A slope and an offset of the logit, as knots; a falling slope is none."""
    curve = LogisticRegression(C=100.0).fit(_logit(score)[:, None], target, weight)
    knots = 1 / (1 + np.exp(-np.linspace(-9, 9, 181)))
    logits = max(float(curve.coef_[0, 0]), 0.0) * _logit(knots) + float(curve.intercept_[0])
    return knots, 1 / (1 + np.exp(-logits))


def _same(score: np.ndarray, target: np.ndarray, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    """The score itself: a mean of several heads is often right as it is."""
    return np.array([0.0, 1.0]), np.array([0.0, 1.0])


def _flat(score: np.ndarray, target: np.ndarray, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    """The rate of all: a score that does worse than this knows no probability."""
    return np.array([0.0, 1.0]), np.full(2, np.average(target, weights=weight))


METHODS = (_platt, _same, _isotonic, _flat)
"""Ways to a map, the more dependable first."""


class Calibration:
    """A rising map from scores to probabilities of a yes, kept as its knots."""

    def __init__(self, knots: np.ndarray, values: np.ndarray) -> None:
        self.knots, self.values = knots, values

    @classmethod
    def fit(cls, score: np.ndarray, target: np.ndarray, weight: Weight = None, entity: Entity = None) -> "Calibration":
        """The first of `METHODS` whose log loss on the other half, twice, is within a standard error of the best.

        Where a half has one class only, nothing can be compared, and a score stays what it is.

        Args:
            score: (rows,)
            target: (rows,) 0 or 1.
            weight: Of how many rows each speaks, (rows,).
            entity: Whose rows these are, (rows,), which are all of one half; None where each is another's.
        """
        weight = np.ones(len(score)) if weight is None else weight
        index = _indices(len(score), entity)
        half = index % 2 == 0
        if any(len(np.unique(target[part])) < 2 for part in (half, ~half)):
            return cls(*_same(score, target, weight))
        losses = np.empty((len(METHODS), len(score)))
        for fit in (half, ~half):
            for loss, method in zip(losses, METHODS, strict=True):
                chance = cls(*method(score[fit], target[fit], weight[fit])).apply(score[~fit])
                loss[~fit] = _log_losses(chance, target[~fit])
        return cls(*METHODS[_dependable(weight * losses, index)](score, target, weight))

    def apply(self, score: np.ndarray) -> np.ndarray:
        """Calibrated probabilities; a little of the score remains so that the order within a step is kept."""
        return 0.98 * np.interp(score, self.knots, self.values) + 0.02 * np.clip(score, 0, 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {"knots": self.knots, "values": self.values}


@dataclass(frozen=True)
class ClassCalibration:
    """Chances of classes, each raised to a power and weighed: softmax(slope x log p + offset).

    Guo et al. 2017, "On calibration of modern neural networks", with a bias per class.
    """

    slope: float
    offset: np.ndarray  # (classes,)

    @classmethod
    def fit(
        cls, chance: np.ndarray, target: np.ndarray, weight: Weight = None, entity: Entity = None
    ) -> "ClassCalibration":
        """The slope and offsets with the smallest log loss; none if that is better for other entities."""
        index = _indices(len(target), entity)
        half, weight = index % 2 == 0, np.ones(len(target)) if weight is None else weight
        uncalibrated, losses = cls(1.0, np.zeros(chance.shape[1])), np.empty((2, len(target)))
        for fit in (half, ~half):
            for loss, calibration in zip(
                losses, (cls._fitted(chance[fit], target[fit], weight[fit]), uncalibrated), strict=True
            ):
                loss[~fit] = _class_losses(calibration.apply(chance[~fit]), target[~fit])
        return uncalibrated if _dependable(weight * losses, index) else cls._fitted(chance, target, weight)

    @classmethod
    def _fitted(cls, chance: np.ndarray, target: np.ndarray, weight: np.ndarray) -> "ClassCalibration":
        logs = np.log(np.maximum(chance, LEAST_OF_CLASS))
        shown = np.eye(chance.shape[1])[target]
        share = weight / weight.sum()

        def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
            result = cls(values[0], values[1:]).apply(chance)
            error = (result - shown) * share[:, None]
            held = SHRINK / max(len(target), 1)
            slope, offset = values[0] - 1, values[1:]
            value = share @ _class_losses(result, target) + held / 2 * (slope**2 + offset @ offset)
            return value, np.append((error * logs).sum() + held * slope, error.sum(axis=0) + held * offset)

        start = np.append(1.0, np.zeros(chance.shape[1]))
        result = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] + [(None, None)] * (len(start) - 1)
        )
        return cls(float(result.x[0]), result.x[1:])

    def apply(self, chance: np.ndarray) -> np.ndarray:
        """Calibrated chances, (rows, classes), as many as either knows; what has no chance gets none."""
        more = chance.shape[1] - len(self.offset)
        chance, offset = np.pad(chance, ((0, 0), (0, max(-more, 0)))), np.pad(self.offset, (0, max(more, 0)))
        logits = self.slope * np.log(np.maximum(chance, LEAST_OF_CLASS)) + offset
        exponents = np.where(chance > 0, np.exp(logits - logits.max(axis=1, keepdims=True)), 0)
        return exponents / exponents.sum(axis=1, keepdims=True)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {"slope": np.array([self.slope]), "offset": self.offset}


def load_calibration(arrays: dict[str, np.ndarray]) -> Calibration | ClassCalibration | None:
    """The inverse of `arrays`; None where there are none."""
    if "offset" in arrays:
        return ClassCalibration(float(arrays["slope"][0]), arrays["offset"])
    return Calibration(arrays["knots"], arrays["values"]) if "knots" in arrays else None


def _log_losses(chance: np.ndarray, target: np.ndarray) -> np.ndarray:
    chance = np.clip(chance, LEAST, 1 - LEAST)
    return -(target * np.log(chance) + (1 - target) * np.log(1 - chance))


def _class_losses(chance: np.ndarray, target: np.ndarray) -> np.ndarray:
    return -np.log(np.maximum(chance[np.arange(len(target)), target], LEAST_OF_CLASS))


def _dependable(losses: np.ndarray, index: np.ndarray) -> int:
    """The first way whose losses (ways, rows) are within a standard error of the best; an entity is one draw."""
    more = losses - losses[int(losses.sum(axis=1).argmin())]
    apart = np.array([np.bincount(index, calibration) for calibration in more])  # (ways, entities)
    return int((apart.sum(axis=1) <= apart.std(axis=1) * np.sqrt(apart.shape[1])).argmax())
