"""Activity targets by boosting: one small model per target, saved as text."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.forest import Forest
from basemodel_ops.boosting.parameters import OF_SUBSETS

SETTINGS = {
    **OF_SUBSETS, "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 100, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 20.0, "max_bin": 63, "extra_trees": True,
    "num_threads": 1,
}  # fmt: skip
ROUNDS = 60

REPORTS = 8
"""How often it is said how many targets are learnt."""

ROWS = 65_536
"""Rows that are answered at once."""


@dataclass(frozen=True)
class ActivityBoosters:
    """One booster per target; a future that never varied is answered by its constant."""

    boosters: tuple[lgb.Booster | float, ...]

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Logits of "occurred" and amounts, float32 (rows, targets), of inputs (rows, features)."""
        constants = np.array([np.nan if isinstance(b, lgb.Booster) else b for b in self.boosters], np.float32)
        result = np.tile(constants, (len(inputs), 1))
        is_fitted = np.array([isinstance(b, lgb.Booster) for b in self.boosters], bool)
        for low in range(0, len(inputs) if is_fitted.any() else 0, ROWS):
            result[low : low + ROWS, is_fitted] = self._forest.raw_scores(inputs[low : low + ROWS], dtype=np.float32)
        return result

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of([booster for booster in self.boosters if isinstance(booster, lgb.Booster)])

    def texts(self) -> list[str]:
        """Everything learnt, one text per target."""
        return [b.model_to_string() if isinstance(b, lgb.Booster) else str(b) for b in self.boosters]

    @classmethod
    def from_texts(cls, texts: list[str]) -> "ActivityBoosters":
        """The inverse of `texts`."""
        return cls(tuple(lgb.Booster(model_str=text) if "\n" in text else float(text) for text in texts))


def fit_activity(
    inputs: np.ndarray, targets: np.ndarray, is_binary: np.ndarray, seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ActivityBoosters:  # fmt: skip
    """Learn each target apart from the rest; rows whose window is not over are left out.

    Args:
        inputs: (rows, features) float32.
        targets: (rows, targets), not-a-number where unknown; a yes or no may be a chance.
        is_binary: (targets,) bool, which targets are yes or no.
        seed: Seed of the boosting.
        progress: Is called with how many targets are learnt, and how many there are, a few times.
    """
    targets = targets.astype(np.float32)
    known = ~np.isnan(targets)
    settings = {**SETTINGS, "seed": seed, "min_data_in_leaf": max(2, min(100, len(inputs) // 50))}
    full = lgb.Dataset(inputs, np.zeros(len(inputs)), params=settings, free_raw_data=False).construct()

    def learn(column: int) -> lgb.Booster | float:
        rows = np.flatnonzero(known[:, column])
        target = targets[rows, column]
        if len(rows) < 50 or target.min() == target.max():
            mean = float(target.mean()) if len(rows) else 0.0
            rate = min(max(mean, 1e-4), 1 - 1e-4)
            return float(np.log(rate / (1 - rate))) if is_binary[column] else mean
        data = full.subset(rows.tolist()).construct()
        data.set_label(target)  # after construction, which takes the labels of the whole
        chance = "binary" if np.isin(target, (0, 1)).all() else "cross_entropy"
        objective = chance if is_binary[column] else "regression"
        return lgb.train({**settings, "objective": objective}, data, ROUNDS)

    # A small model keeps one core busy, not two: so they are learnt side by side.
    boosters: list[lgb.Booster | float] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for booster in pool.map(learn, range(len(is_binary))):
            boosters.append(booster)
            if len(boosters) % max(len(is_binary) // REPORTS, 1) == 0:
                progress(len(boosters), len(is_binary))
    return ActivityBoosters(tuple(boosters))
