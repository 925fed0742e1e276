"""Heads: linear and boosted, for every single-answer task. They save as arrays and text, never as pickles."""

from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array, diags_array

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of

State = tuple[dict[str, np.ndarray], dict[str, str]]


class Head(Protocol):
    """Learns from (rows, features); answers a probability, a number or (rows, classes) probabilities."""

    columns: np.ndarray | None
    """Which columns of its view it is given, in order; None for all."""

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn, in place; `weight` (rows,) says of how many rows each speaks."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers for the rows."""
        ...

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        ...

    def restore(self, state: State) -> "Head":
        """Take over a saved state."""
        ...


class LinearHead:
    """Logistic regression or ridge on standardised features."""

    def __init__(self, kind: TaskType, strength: float = 1.0) -> None:
        self.kind, self.strength = kind, strength
        self.columns: np.ndarray | None = None
        self._arrays: dict[str, np.ndarray] = {}

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn, in place."""
        mean, deviation = features.mean(0), np.maximum(features.std(0), 1e-3)
        scaled = np.clip((features - mean) / deviation, -8, 8)
        weights, bias = kind_of(self.kind).fit_line(scaled, target, weight, self.strength)
        self._arrays = {"mean": mean, "deviation": deviation, "weights": weights, "bias": np.asarray(bias)}

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers for the rows."""
        logits = (self._scaled(features) @ self._arrays["weights"].T + self._arrays["bias"]).astype(np.float64)
        return kind_of(self.kind).from_logits(logits)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """What each feature adds to the one sum there is, beside a row that is usual in all, (rows, features + 1); the
        last is what that row has."""
        added = self._scaled(features) * self._arrays["weights"]
        return np.hstack([added, np.broadcast_to(self._arrays["bias"], (len(added), 1))]).astype(np.float64)

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.clip((features - self._arrays["mean"]) / self._arrays["deviation"], -8, 8)

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        return self._arrays, {}

    def restore(self, state: State) -> "LinearHead":
        """Take over a saved state."""
        self._arrays = state[0]
        return self


class TermHead:
    """Logistic regression or ridge on how often a row had each item, the rarer an item the more, rows of length 1.

    Source: term frequency and inverse document frequency, Salton and Buckley, 1988.
    """

    STRENGTH = 300.0
    """Rows are of length 1, so weights are larger than where features have a deviation of 1."""

    def __init__(self, kind: TaskType) -> None:
        self.kind = kind
        self.columns: np.ndarray | None = None
        self._arrays: dict[str, np.ndarray] = {}

    def fit(self, features: Any, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn from log counts (rows, items), sparse, in place."""
        rows = np.bincount(features.indices, minlength=features.shape[1])
        # What one row alone had tells nothing of others.
        rarity = np.where(rows > 1, np.log(features.shape[0] / np.maximum(rows, 1)), 0.0).astype(np.float32)
        weights, bias = kind_of(self.kind).fit_line(_directions(features, rarity), target, weight, self.STRENGTH)
        self._arrays = {"rarity": rarity, "weights": weights.astype(np.float32), "bias": np.asarray(bias)}

    def predict(self, features: Any) -> np.ndarray:
        """Answers for log counts (rows, items), sparse."""
        arrays = self._arrays
        logits = _directions(features, arrays["rarity"]) @ arrays["weights"].T + arrays["bias"]
        return kind_of(self.kind).from_logits(logits.astype(np.float64))

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        return self._arrays, {}

    def restore(self, state: State) -> "TermHead":
        """Take over a saved state."""
        self._arrays = state[0]
        return self


def _directions(counts: csr_array, rarity: np.ndarray) -> Any:
    """Sparse rows of counts weighed by the rarity of the items, of length 1, or 0 where nothing is left."""
    weighed = counts.multiply(rarity).tocsr()
    length = np.sqrt(weighed.multiply(weighed).sum(axis=1))
    return diags_array(1 / np.where(length > 0, length, 1)).astype(np.float32) @ weighed


class ZeroShotHead:
    """An answer that needs no labels: the foundation model's own, handed through. It has nothing to learn."""

    columns: np.ndarray | None = None

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Nothing."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The answers (rows, 1) as (rows,)."""
        return features[:, 0].astype(np.float64)

    def state(self) -> State:
        """Nothing."""
        return {}, {}

    def restore(self, state: State) -> "ZeroShotHead":
        """Take over a saved state."""
        return self
