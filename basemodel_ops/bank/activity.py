"""Activity futures by boosting: one small model per future, saved as text."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.bank.boosting import OF_SUBSETS
from basemodel_ops.bank.forest import Forest

SETTINGS = {
    **OF_SUBSETS, "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 100, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 20.0, "max_bin": 63, "extra_trees": True,
    "num_threads": 1,
}  # fmt: skip
ROUNDS = 60

ROWS = 65_536
"""Rows that are answered at once."""


@dataclass(frozen=True)
class ActivityBank:
    """One booster per future; a future that never varied is answered by its constant."""

    boosters: tuple[lgb.Booster | float, ...]

    def answers(self, inputs: np.ndarray) -> np.ndarray:
        """Logits of "any" and amounts, float32 (rows, futures), of inputs (rows, features)."""
        level = np.array([np.nan if isinstance(b, lgb.Booster) else b for b in self.boosters], np.float32)
        found = np.tile(level, (len(inputs), 1))
        is_learnt = np.array([isinstance(b, lgb.Booster) for b in self.boosters], bool)
        for low in range(0, len(inputs) if is_learnt.any() else 0, ROWS):
            found[low : low + ROWS, is_learnt] = self._forest.answers(inputs[low : low + ROWS], dtype=np.float32)
        return found

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of([booster for booster in self.boosters if isinstance(booster, lgb.Booster)])

    def texts(self) -> list[str]:
        """Everything learnt, one text per future."""
        return [b.model_to_string() if isinstance(b, lgb.Booster) else str(b) for b in self.boosters]

    @classmethod
    def from_texts(cls, texts: list[str]) -> "ActivityBank":
        """The inverse of `texts`."""
        return cls(tuple(lgb.Booster(model_str=text) if "\n" in text else float(text) for text in texts))


def fit_bank(inputs: np.ndarray, futures: np.ndarray, is_any: np.ndarray, seed: int) -> ActivityBank:
    """Learn each future apart from the rest; rows whose window is not over are left out.

    Args:
        inputs: (rows, features) float32.
        futures: (rows, futures), not-a-number where unknown; a yes or no may be a chance.
        is_any: (futures,) bool, which futures are yes or no.
        seed: Seed of the boosting.
    """
    futures = futures.astype(np.float32)
    known = ~np.isnan(futures)
    settings = {**SETTINGS, "seed": seed, "min_data_in_leaf": max(2, min(100, len(inputs) // 50))}
    whole = lgb.Dataset(inputs, np.zeros(len(inputs)), params=settings, free_raw_data=False).construct()

    def learn(column: int) -> lgb.Booster | float:
        rows = np.flatnonzero(known[:, column])
        target = futures[rows, column]
        if len(rows) < 50 or target.min() == target.max():
            mean = float(target.mean()) if len(rows) else 0.0
            rate = min(max(mean, 1e-4), 1 - 1e-4)
            return float(np.log(rate / (1 - rate))) if is_any[column] else mean
        data = whole.subset(rows.tolist()).construct()
        data.set_label(target)  # after construction, which takes the labels of the whole
        chance = "binary" if np.isin(target, (0, 1)).all() else "cross_entropy"
        objective = chance if is_any[column] else "regression"
        return lgb.train({**settings, "objective": objective}, data, ROUNDS)

    # A small model keeps one core busy, not two: so they are learnt side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return ActivityBank(tuple(pool.map(learn, range(len(is_any)))))
