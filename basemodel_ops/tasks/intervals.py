"""Bounds between which an amount lies as often as is asked for: split conformal prediction, by the size of the answer.

Errors of answers to later rows than those learnt from say how far targets lie from answers (Vovk et al. 2005; by groups
of answers, Boström and Johansson 2020). They are errors of logarithms, so bounds widen with the amount.
"""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.encoders.numbers import signed_expm1, squash

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
    def fit(cls, answer: np.ndarray, target: np.ndarray, coverage: float) -> "Interval":
        """Bounds that hold for a share `coverage` of rows like these, both (rows,), in any group of answers."""
        count = int(np.clip(len(answer) // LEAST, 1, GROUPS))
        edges = np.unique(np.quantile(answer, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
        group = np.searchsorted(edges, answer, side="right")
        error = squash(target) - squash(answer)
        owned = [np.sort(error[group == own]) for own in range(len(edges) + 1)]
        # Equal answers may leave a group empty: then all errors speak for it.
        owned = [own if len(own) else np.sort(error) for own in owned]
        outside = (1 - coverage) / 2
        above = np.array([_bound(own, outside) for own in owned])
        below = np.array([-_bound(np.sort(-own), outside) for own in owned])
        return cls(edges, below, above, 0.0 if target.min(initial=0.0) >= 0 else -np.inf)

    def bounds(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper bound of each answer, (rows,); the answer lies between them."""
        group, logs = np.searchsorted(self.edges, answer, side="right"), squash(answer)
        low, high = (signed_expm1(logs + shift[group]) for shift in (self.below, self.above))
        return np.minimum(np.maximum(low, self.least), answer), np.maximum(high, answer)

    def measured(self, answer: np.ndarray, target: np.ndarray) -> dict[str, float]:
        """The share of targets inside, `coverage`, and the mean `width`, of rows (rows,)."""
        low, high = self.bounds(answer)
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
    place = int(np.ceil((len(errors) + 1) * (1 - outside))) - 1
    return float(errors[min(place, len(errors) - 1)])
