"""Things by boosting: one model over all (row, thing) pairs of a column and a horizon."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.bank.boosting import SHARED
from basemodel_ops.bank.forest import Forest

PAIRS = 600_000
ROUNDS = 120

CHUNK = 8192
"""Rows whose features are held at once."""

Features = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of rows (positions): what is `own` to each thing, (rows, things, own), and what is shared by all, (rows, shared)."""


@dataclass(frozen=True)
class Pairs:
    """Whether a thing will be seen within the horizon, from what the entity did with it and what it is like."""

    booster: lgb.Booster
    rate: np.ndarray  # (things,) log base rates

    def answers(self, own: np.ndarray, entity: np.ndarray, things: np.ndarray) -> np.ndarray:
        """Logits, float32 (rows, things), of the features `own` (rows, things, own) and `entity` (rows, shared)."""
        parts = (own, self.rate[None, things, None], entity[:, None])
        return self._forest.answers(*(part.astype(np.float32, copy=False) for part in parts), dtype=np.float32)[:, :, 0]

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of([self.booster])


def fit_thing_pairs(features: Features, happened: np.ndarray, seed: int) -> Pairs:
    """Learn whether things `happened`, bool (rows, things), from a sample of pairs.

    Only the features of some rows are held at a time: those of all pairs are many times the sample.
    """
    rate = np.log(happened.mean(axis=0) + 1e-5)
    chosen = np.sort(np.random.default_rng(seed).choice(happened.size, min(PAIRS, happened.size), replace=False))
    row, thing = np.divmod(chosen, happened.shape[1])
    own, shared = features(np.arange(0))
    table = np.empty((len(chosen), own.shape[2] + 1 + shared.shape[1]), np.float32)
    for low in range(0, len(happened), CHUNK):
        rows = np.arange(low, min(low + CHUNK, len(happened)))
        own, shared = features(rows)
        mine = slice(*np.searchsorted(row, [low, low + CHUNK]))
        at, of = row[mine] - low, thing[mine]
        table[mine] = np.hstack([own[at, of], rate[of][:, None], shared[at]])
    settings = {
        **SHARED, "objective": "binary", "learning_rate": 0.08, "num_leaves": 31, "min_data_in_leaf": 100,
        "seed": seed, "feature_fraction": 0.5, "lambda_l2": 20.0, "max_bin": 127, "num_threads": 2,
    }  # fmt: skip
    return Pairs(lgb.train(settings, lgb.Dataset(table, happened[row, thing]), ROUNDS), rate)
