"""Reference recommenders: popularity, personal frequency, TIFU-kNN, ItemKNN, EASE, and a blend chosen on validation."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.quality.events import DAY, Events

RECENT = 56 * DAY
LEAST_SALES = 4
LARGEST = 4000
"""Items that the dense item models know."""

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def counts(events: Events, before: int, after: int = 0, half_life: float | None = None) -> csr_matrix:
    """How often each owner had each item in [after, before), faded when there is a half-life in days."""
    seen = (events.time < before) & (events.time >= after)
    age = (before - events.time[seen]) / DAY
    weight = np.ones(len(age)) if half_life is None else np.exp2(-age / half_life)
    return csr_matrix(
        (weight, (events.entity_index[seen], events.item[seen])), (len(events.entities), len(events.items))
    )


@dataclass(frozen=True)
class ItemModels:
    """Item-to-item weights over the largest items, learnt from what happened before the end of training."""

    items: np.ndarray
    ease: np.ndarray
    knn: np.ndarray

    @classmethod
    def fit(cls, events: Events, end: int, penalty: float = 200.0) -> "ItemModels":
        """EASE and cosine neighbours of who had what."""
        table = counts(events, end)
        table.data[:] = 1
        size = np.asarray(table.sum(axis=0)).ravel()
        items = np.sort(np.argsort(-size, kind="stable")[:LARGEST])
        chosen = table[:, items]
        gram = np.asarray((chosen.T @ chosen).todense(), dtype=np.float32)
        size = np.diag(gram).copy()
        knn = gram / np.sqrt(np.maximum(np.outer(size, size), 1))
        np.fill_diagonal(knn, 0)
        gram[np.diag_indices_from(gram)] += penalty
        inverse = np.linalg.inv(gram)
        ease = -inverse / np.diag(inverse)
        np.fill_diagonal(ease, 0)
        return cls(items, ease.astype(np.float32), knn)


def scores_at(
    events: Events, models: ItemModels, entity_index: np.ndarray, cutoff: int
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Scores (owners, items) of each recommender for items sold lately, these items, and who had them already."""
    recent = np.asarray(counts(events, cutoff, cutoff - RECENT).sum(axis=0)).ravel()
    items = np.flatnonzero(recent >= LEAST_SALES)
    everything = counts(events, cutoff)
    had = np.asarray(everything[entity_index][:, items].todense()) > 0
    faded = counts(events, cutoff, half_life=60.0)
    personal = np.asarray(faded[entity_index][:, items].todense(), dtype=np.float32)
    popularity = np.broadcast_to(recent[items] / recent.max(), personal.shape)
    binary = everything.copy()
    binary.data[:] = 1
    row_index = np.full(len(events.items), -1)
    row_index[models.items] = np.arange(len(models.items))
    current = binary[entity_index][:, models.items]
    known = row_index[items] >= 0
    result = {"popularity": popularity, "personal": personal / np.maximum(personal.max(axis=1, keepdims=True), 1e-9)}
    for name, weights in (("ease", models.ease), ("item-knn", models.knn)):
        table = np.zeros(personal.shape, np.float32)
        table[:, known] = np.asarray(current @ weights[:, row_index[items[known]]])
        result[name] = table / np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-9)
    result["tifu-knn"] = _tifu(faded, entity_index, items)
    return result, items, had


def _tifu(
    faded: csr_matrix, entity_index: np.ndarray, items: np.ndarray, neighbours: int = 300, current: float = 0.7
) -> np.ndarray:
    """Faded history blended with the mean of the nearest histories."""
    table = faded[:, items].astype(np.float32)
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    unit = csr_matrix(table.multiply(1 / np.maximum(length, 1e-9)[:, None]))
    result = np.empty((len(entity_index), len(items)), np.float32)
    for low in range(0, len(entity_index), 256):
        chosen = entity_index[low : low + 256]
        close = np.asarray((unit[chosen] @ unit.T).todense())
        close[np.arange(len(chosen)), chosen] = -1
        nearest = np.argpartition(-close, min(neighbours, close.shape[1] - 1), axis=1)[:, :neighbours]
        row = np.repeat(np.arange(len(chosen)), nearest.shape[1])
        weight = np.full(nearest.size, 1 / neighbours, np.float32)
        pick = csr_matrix((weight, (row, nearest.ravel())), (len(chosen), table.shape[0]))
        result[low : low + 256] = np.asarray((current * unit[chosen] + (1 - current) * (pick @ unit)).todense())
    return result


def rank(scores: np.ndarray, items: np.ndarray, allowed: np.ndarray | None = None, k: int = 20) -> np.ndarray:
    """The best k items of each row."""
    scores = scores if allowed is None else np.where(allowed, scores, -np.inf)
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return items[np.take_along_axis(best, order, axis=1)]
