"""Long format for categories: hand-made features of every (entity, category) pair, boosted together."""

import lightgbm as lgb
import numpy as np

from benchmarks.quality.events import DAY, Events

WINDOWS = (7, 14, 28, 56, 112)
PAIRS = 600_000


class PairFeatures:
    """Features of pairs at the cutoffs of some rows; `label` (events,) says which label an event is of, -1 if none."""

    def __init__(
        self, events: Events, entity_index: np.ndarray, cutoff: np.ndarray, label: np.ndarray, labels: int
    ) -> None:
        chosen = label >= 0
        width, entities = labels, len(events.entities)
        key = (events.entity_index[chosen].astype(np.int64) * width + label[chosen]) * 100_000 + events.time[
            chosen
        ] // DAY
        days = np.unique(key)  # one row per pair and day
        pair, day = days // 100_000, days % 100_000
        first = np.ones(len(pair), bool)
        first[1:] = pair[1:] != pair[:-1]
        gap = np.where(first, 0, np.diff(day, prepend=day[0]))
        self._tables: dict[int, np.ndarray] = {}
        self._cutoff, self._entity_index = cutoff, entity_index
        for moment in np.unique(cutoff):
            now = moment // DAY
            seen = day < now
            table = np.zeros((entities * width, len(WINDOWS) + 5), np.float32)
            for column, window in enumerate(WINDOWS):
                table[:, column] = np.bincount(pair[seen & (day >= now - window)], minlength=len(table))
            count = np.bincount(pair[seen], minlength=len(table))
            last = np.full(len(table), -1000)
            np.maximum.at(last, pair[seen], day[seen])
            mean_gap = np.bincount(pair[seen], gap[seen], minlength=len(table)) / np.maximum(count - 1, 1)
            recency = np.minimum(now - last, 400)
            table[:, -5:] = np.stack([count, recency, mean_gap, recency / np.maximum(mean_gap, 1), count], axis=1)
            shaped = table.reshape(entities, width, -1)
            total = shaped[:, :, -5].sum(axis=1, keepdims=True)
            shaped[:, :, -1] /= np.maximum(total, 1)
            popular = shaped[:, :, 2].mean(axis=0)
            extra = np.broadcast_to(np.log(popular + 1e-4)[None, :, None], (entities, width, 1))
            self._tables[int(moment)] = np.concatenate([shaped, extra], axis=2)

    def of(self, row: np.ndarray, label: np.ndarray, entity: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Features (pairs, features) of pairs (row, label), with features of the rows and base rates of the labels."""
        cutoff = self._cutoff[row]
        current = np.empty((len(row), next(iter(self._tables.values())).shape[2]), np.float32)
        for moment, table in self._tables.items():
            chosen = np.flatnonzero(cutoff == moment)
            current[chosen] = table[self._entity_index[row[chosen]], label[chosen]]
        return np.hstack([current, rate[label][:, None], entity[row]]).astype(np.float32)


def fit_long(
    features: PairFeatures, entity: np.ndarray, truth: np.ndarray, train: np.ndarray, seed: int, quick: bool
) -> tuple[lgb.Booster, np.ndarray]:
    """A booster over a sample of the training pairs, and the log base rates; `truth` (rows, labels) bool."""
    rate = np.log(truth[train].mean(axis=0) + 1e-4)
    width = truth.shape[1]
    size = min(PAIRS // (3 if quick else 1), len(train) * width)
    chosen = np.random.default_rng(seed).choice(len(train) * width, size, replace=False)
    row, label = train[chosen // width], chosen % width
    settings = {
        "objective": "binary", "learning_rate": 0.1, "num_leaves": 63, "min_data_in_leaf": 100, "verbosity": -1,
        "feature_fraction": 0.7, "num_threads": 2, "seed": seed, "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    return lgb.train(settings, lgb.Dataset(features.of(row, label, entity, rate), truth[row, label]), 100), rate


def predict_long(
    booster: lgb.Booster, rate: np.ndarray, features: PairFeatures, entity: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Chances (rows, labels)."""
    width = len(rate)
    result = np.empty((len(rows), width))
    for low in range(0, len(rows), 512):
        block = rows[low : low + 512]
        row, label = np.repeat(block, width), np.tile(np.arange(width), len(block))
        result[low : low + 512] = np.asarray(
            booster.predict(features.of(row, label, entity, rate), num_threads=2)
        ).reshape(-1, width)
    return result
