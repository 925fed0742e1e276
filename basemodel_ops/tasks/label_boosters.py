"""Few labels: a boosted model for each, which may read more of an entity than pairs of entities and labels hold."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np

from basemodel_ops.boosting.parameters import SHARED
from basemodel_ops.tasks.boosted_head import SMOOTH

ROUNDS, RATE = 60, 0.14
"""Of boosting."""

FEW_LABELS, LEAST_ROWS = 24, 10
"""Labels up to which each has a model of its own; rows that had one, and that lacked it, from which on it has."""

LABEL_ROWS, LABEL_NUMBERS, LEAST_DRAWN = 30_000, 8_000_000, 4_000
"""Rows that the model of a label learns from, at most, and rows times features; but rows at least."""

SIDE_BY_SIDE = 2
"""Models of labels that learn at once, each on one thread."""


def booster_name(label: int) -> str:
    """The name of the model of one label."""
    return f"label {label}"


def fit_label_boosters(
    features: Callable[[np.ndarray, int], np.ndarray], target: np.ndarray, seed: int
) -> dict[str, lgb.Booster]:
    """A model for each label that enough rows had and lacked, by `booster_name`.

    Args:
        features: Of rows (positions) what the model of a label reads, (rows, features).
        target: Which labels each row had, bool (rows, labels).
        seed: Of all that is drawn.
    """
    settings = {
        **SHARED, **SMOOTH, "objective": "binary", "learning_rate": RATE, "min_data_in_leaf": 50, "max_bin": 63,
        "seed": seed, "num_threads": 1,
    }  # fmt: skip

    width = features(np.zeros(0, np.int64), 0).shape[1]
    most = min(LABEL_ROWS, max(LABEL_NUMBERS // max(width, 1), LEAST_DRAWN))

    def learn(label: int) -> lgb.Booster:
        rows, weight = drawn_rows(target[:, label], most, seed)
        data = lgb.Dataset(features(rows, label), target[rows, label], weight=weight)
        return lgb.train(settings, data, num_boost_round=ROUNDS)

    counts = target.sum(axis=0)
    labels = np.flatnonzero(np.minimum(counts, len(target) - counts) >= LEAST_ROWS).tolist()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return {booster_name(label): booster for label, booster in zip(labels, pool.map(learn, labels), strict=True)}


def drawn_rows(had: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that the model of a label learns from, `most` at most, and of how many each speaks.

    All that are of the rarer answer where these are fewer than half.
    """
    rarer = had if had.mean() <= 0.5 else ~had
    kept, others = np.flatnonzero(rarer), np.flatnonzero(~rarer)
    generator, half = np.random.default_rng((seed, 7)), most // 2
    if len(kept) > half:
        kept = generator.choice(kept, half, replace=False)
    drawn = others
    if len(others) > most - len(kept):
        drawn = generator.choice(others, most - len(kept), replace=False)
    weight = np.repeat([rarer.sum() / len(kept), len(others) / len(drawn)], [len(kept), len(drawn)])
    rows = np.concatenate([kept, drawn])
    order = np.argsort(rows)
    return rows[order], weight[order]
