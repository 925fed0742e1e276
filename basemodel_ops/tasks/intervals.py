"""Bounds between which an amount lies as often as is asked for: split conformal prediction, by the size of the answer.

Errors of answers to later rows than those learnt from say how far targets lie from answers (Vovk et al. 2005; by groups
of answers, Boström and Johansson 2020). They are errors of logarithms, so bounds widen with the amount.
"""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.encoders.numbers import signed_expm1, signed_log1p

GROUPS, LEAST = 5, 100
"""Groups of answers by size whose errors are told apart, at most, and rows of each, at least."""


@dataclass(frozen=True)
class Interval:
    """How far below and above an answer the target lies, by the group that the answer falls in."""

    edges: np.ndarray  # (groups - 1,), answers between two groups
    below: np.ndarray  # (groups,), of logarithms, to be added
    above: np.ndarray  # (groups,)
    least: float
    """No bound is below: zero where no target was negative."""

    @classmethod
    def fit(cls, prediction: np.ndarray, target: np.ndarray, coverage: float) -> "Interval":
        """Bounds that hold for a share `coverage` of rows like these, both (rows,), in any group of answers."""
        count = int(np.clip(len(prediction) // LEAST, 1, GROUPS))
        edges = np.unique(np.quantile(prediction, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
        group = np.searchsorted(edges, prediction, side="right")
        error = signed_log1p(target) - signed_log1p(prediction)
        rows_by_entity = [np.sort(error[group == part]) for part in range(len(edges) + 1)]
        # Equal answers may leave a group empty: then all errors speak for it.
        rows_by_entity = [part if len(part) else np.sort(error) for part in rows_by_entity]
        outside = (1 - coverage) / 2
        above = np.array([_bound(part, outside) for part in rows_by_entity])
        below = np.array([-_bound(np.sort(-part), outside) for part in rows_by_entity])
        return cls(edges, below, above, 0.0 if target.min(initial=0.0) >= 0 else -np.inf)

    def bounds(self, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper bound of each answer, (rows,); the answer lies between them."""
        group, logs = np.searchsorted(self.edges, prediction, side="right"), signed_log1p(prediction)
        low, high = (signed_expm1(logs + shift[group]) for shift in (self.below, self.above))
        return np.minimum(np.maximum(low, self.least), prediction), np.maximum(high, prediction)

    def measured(self, prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """The share of targets inside, `coverage`, and the mean `width`, of rows (rows,)."""
        low, high = self.bounds(prediction)
        return {"coverage": float(np.mean((target >= low) & (target <= high))), "width": float(np.mean(high - low))}

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {"edges": self.edges, "below": self.below, "above": self.above, "least": np.array([self.least])}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Interval":
        """The inverse of `arrays`."""
        return cls(arrays["edges"], arrays["below"], arrays["above"], float(arrays["least"][0]))


def _bound(errors: np.ndarray, outside: float) -> float:
    """The smallest bound that a share `outside` of errors like these (ascending) exceeds at most, one more row counted.

    With too few rows for that, the largest error there was.
    """
    index = int(np.ceil((len(errors) + 1) * (1 - outside))) - 1
    return float(errors[min(index, len(errors) - 1)])
