"""A hand-made ranker: what the references put forward, hand-made numbers of each pair, and tuned LightGBM over them."""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from basemodel_ops.tasks.metrics import is_among
from benchmarks.quality.events import DAY, Events
from benchmarks.quality.ranking import counts

CANDIDATES_EACH = 100
"""Items that each reference puts forward per entity."""

NEGATIVES = 60
"""Items not taken that are learnt from, per entity, as many as the product's ranker learns from."""

WINDOWS = (14, 28, 84, 364)
"""Days, of what the entity had of the item."""

NEVER = 1000.0

LEAVES = (15, 31, 63)


@dataclass(frozen=True)
class Pairs:
    """Items put forward per entity, ascending, with their numbers; one put forward twice counts once."""

    items: np.ndarray  # (entities, candidates)
    numbers: np.ndarray  # (entities, candidates, names) float32
    is_first: np.ndarray  # (entities, candidates)
    had: np.ndarray  # (entities, candidates), whether the entity had it before


def pairs_at(
    events: Events,
    entity_index: np.ndarray,
    cutoff: int,
    scores: dict[str, np.ndarray],
    items: np.ndarray,
    had: np.ndarray,
) -> Pairs:
    """Candidates and numbers of these owners strictly before `cutoff`; `scores` (owners, items) of every reference."""
    value = min(CANDIDATES_EACH, len(items))
    best = [np.argpartition(-current, value - 1, axis=1)[:, :value] for current in scores.values()]
    row_index = np.sort(np.hstack(best), axis=1)
    since, gap = _visits(events, entity_index, cutoff, items)
    recent = [np.asarray(counts(events, cutoff, cutoff - days * DAY).sum(axis=0)).ravel()[items] for days in (14, 56)]
    current = [counts(events, cutoff, cutoff - days * DAY)[entity_index][:, items].toarray() for days in WINDOWS]
    everything = counts(events, cutoff)
    takers, again = (np.asarray((everything > times).sum(axis=0)).ravel()[items] for times in (0, 1))
    tables = [*scores.values(), *current, since, gap, since / np.maximum(gap, 0.5)]
    parts = [np.take_along_axis(np.asarray(table, np.float32), row_index, axis=1) for table in tables]
    parts += [
        values[row_index] for values in (*recent, recent[0] / np.maximum(recent[1], 1), again / np.maximum(takers, 1))
    ]
    active = np.asarray(counts(events, cutoff, cutoff - 28 * DAY)[entity_index].sum(axis=1)).ravel()
    different = np.asarray((everything[entity_index] > 0).sum(axis=1)).ravel()
    parts += [np.broadcast_to(values[:, None], row_index.shape) for values in (active, different)]
    is_first = np.diff(row_index, axis=1, prepend=-1) != 0
    numbers = np.stack(parts, axis=2).astype(np.float32)
    return Pairs(items[row_index], numbers, is_first, np.take_along_axis(had, row_index, axis=1))


def _visits(events: Events, entity_index: np.ndarray, cutoff: int, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days since the last event of each (owner, item), and mean days between two of them; `NEVER` without."""
    row, column = np.full(len(events.entities), -1), np.full(len(events.items), -1)
    row[entity_index], column[items] = np.arange(len(entity_index)), np.arange(len(items))
    seen = (events.time < cutoff) & (row[events.entity_index] >= 0) & (column[events.item] >= 0)
    at = row[events.entity_index[seen]], column[events.item[seen]]
    age = (cutoff - events.time[seen]) / DAY
    newest, oldest = (np.full((len(entity_index), len(items)), start) for start in (NEVER, -1.0))
    many = np.zeros(newest.shape)
    np.minimum.at(newest, at, age)
    np.maximum.at(oldest, at, age)
    np.add.at(many, at, 1)
    return newest, np.where(many > 1, (oldest - newest) / np.maximum(many - 1, 1), NEVER)


class HandRanker:
    """LightGBM over pairs of moments whose window is over; leaves and rounds by a fifth of the entities."""

    def __init__(self, moments: list[tuple[Pairs, list[np.ndarray]]], seed: int, quick: bool) -> None:
        generator = np.random.default_rng(seed)
        training_pairs = [_training_pairs(pairs, truth, generator) for pairs, truth in moments]
        numbers, taken, entity = (np.concatenate(part) for part in zip(*training_pairs, strict=True))
        apart = generator.random(int(entity.max(initial=0)) + 1)[entity] < 0.2
        data = lgb.Dataset(numbers[~apart], taken[~apart], free_raw_data=False)
        valid = lgb.Dataset(numbers[apart], taken[apart], reference=data)
        best = (np.inf, LEAVES[0], 1)
        for leaves in LEAVES[1:2] if quick else LEAVES:
            stop = [lgb.early_stopping(30, verbose=False)]
            booster = lgb.train(_settings(leaves, seed), data, 600, valid_sets=[valid], callbacks=stop)
            loss = next(iter(booster.best_score["valid_0"].values()))
            best = min(best, (loss, leaves, booster.best_iteration))
        self._booster = lgb.train(_settings(best[1], seed), lgb.Dataset(numbers, taken), best[2])

    def rank(self, pairs: Pairs, allowed: np.ndarray, k: int = 20) -> np.ndarray:
        """The best k allowed items of each entity."""
        flat = np.asarray(self._booster.predict(pairs.numbers.reshape(-1, pairs.numbers.shape[2]), num_threads=2))
        scores = np.where(pairs.is_first & allowed, flat.reshape(pairs.items.shape), -np.inf)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(pairs.items, order, axis=1)
        return np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), best, -1)


def _settings(leaves: int, seed: int) -> dict[str, object]:
    return {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": leaves, "min_data_in_leaf": 50, "lambda_l2": 5.0,
        "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "num_threads": 2, "seed": seed,
        "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip


def _training_pairs(
    pairs: Pairs, truth: list[np.ndarray], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the pairs to learn from, whether each was taken, and its entity."""
    taken = is_among(pairs.items, truth) & pairs.is_first
    draws = np.where(pairs.is_first & ~taken, generator.random(taken.shape), np.inf)
    limit = np.sort(draws, axis=1)[:, min(NEGATIVES, draws.shape[1]) - 1, None]
    chosen = (taken | (draws <= np.where(np.isfinite(limit), limit, 1.0))) & taken.any(axis=1)[:, None]
    return pairs.numbers[chosen], taken[chosen].astype(int), np.nonzero(chosen)[0]
