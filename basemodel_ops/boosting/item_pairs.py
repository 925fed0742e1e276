"""Items by boosting: one model over all (row, item) pairs of a column and a horizon."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.forest import Forest
from basemodel_ops.boosting.parameters import SHARED

PAIRS = 600_000
ROUNDS = 120

CHUNK = 8192
"""Rows whose features are held at once."""

Features = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of rows (positions): features of each item, (rows, items, item features), and of the entity, (rows, entity
features)."""


@dataclass(frozen=True)
class ItemPairBooster:
    """Whether an item will be seen within the horizon, from what the entity did with it and what it is like."""

    booster: lgb.Booster
    rate: np.ndarray  # (items,) log base rates

    def predict(self, item_features: np.ndarray, entity_features: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Logits, float32 (rows, items), of the features `item_features` (rows, items, item features) and
        `entity_features` (rows, entity features)."""
        parts = (item_features, self.rate[None, items, None], entity_features[:, None])
        return self._forest.raw_scores(*(part.astype(np.float32, copy=False) for part in parts), dtype=np.float32)[
            :, :, 0
        ]

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of([self.booster])


def fit_item_pairs(features: Features, happened: np.ndarray, seed: int) -> ItemPairBooster:
    """Learn whether items `happened`, bool (rows, items), from a sample of pairs.

    Only the features of some rows are held at a time: those of all pairs are many times the sample.
    """
    rate = np.log(happened.mean(axis=0) + 1e-5)
    chosen = np.sort(np.random.default_rng(seed).choice(happened.size, min(PAIRS, happened.size), replace=False))
    row, item = np.divmod(chosen, happened.shape[1])
    item_features, entity_features = features(np.arange(0))
    table = np.empty((len(chosen), item_features.shape[2] + 1 + entity_features.shape[1]), np.float32)
    for low in range(0, len(happened), CHUNK):
        rows = np.arange(low, min(low + CHUNK, len(happened)))
        item_features, entity_features = features(rows)
        selected = slice(*np.searchsorted(row, [low, low + CHUNK]))
        at, of = row[selected] - low, item[selected]
        table[selected] = np.hstack([item_features[at, of], rate[of][:, None], entity_features[at]])
    settings = {
        **SHARED, "objective": "binary", "learning_rate": 0.08, "num_leaves": 31, "min_data_in_leaf": 100,
        "seed": seed, "feature_fraction": 0.5, "lambda_l2": 20.0, "max_bin": 127, "num_threads": 2,
    }  # fmt: skip
    return ItemPairBooster(lgb.train(settings, lgb.Dataset(table, happened[row, item]), ROUNDS), rate)
