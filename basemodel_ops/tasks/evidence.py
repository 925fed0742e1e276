"""What speaks for an item that was named to an entity: shares of its score by evidence and by item of the history.

A blend is a weighted sum, and a ranker's trees have exact Shapley values, so kinds of evidence add up. Closeness, what
follows what, and similarity are sums over the items of the history: each has the share that its term has in the sum.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from basemodel_ops.foundation.retrieval import HALF_LIVES, RECENT, START
from basemodel_ops.tasks.pair_features import STEPS, PairFeatures
from basemodel_ops.tasks.ranker import Ranker
from basemodel_ops.tasks.recommendation import KINDS, Weights
from basemodel_ops.tasks.reranking import Query

PERSONAL, POPULAR, CLOSE, FOLLOWS, SIMILAR, NETWORK, ATTRIBUTES, ACTIVITY = (
    "had it before", "popularity", "closeness", "follows", "goes together", "network", "facts", "activity",
)  # fmt: skip
"""Kinds of evidence."""

OF_BLEND = dict(zip(KINDS, (PERSONAL, POPULAR, CLOSE, FOLLOWS, NETWORK), strict=True))

OF_NUMBERS = {
    "personal": PERSONAL,
    "days": PERSONAL,
    "since": PERSONAL,
    "gap": PERSONAL,
    "due": PERSONAL,
    "popular": POPULAR,
    "trend": POPULAR,
    "repeats": POPULAR,
    "close": CLOSE,
    "follows": FOLLOWS,
    "similar": SIMILAR,
    "learnt": NETWORK,
    "share": ATTRIBUTES,
    "lift": ATTRIBUTES,
    "last": ATTRIBUTES,
    "recent": ACTIVITY,
    "distinct": ACTIVITY,
    "tenure": ACTIVITY,
    "sessions": ACTIVITY,
}
"""By the first word of the name of a pair's number."""

CLEAR = 0.1
"""Terms are told one by one where their sum is at least so much of the sum of their sizes: else they cancel out."""

ALL_HISTORY = -1
"""Stands for the history as a whole, in place of an item."""


@dataclass(frozen=True)
class Named:
    """An item named to an entity: `shares` by kind of evidence and item of the history sum to `score - base`."""

    score: float
    base: float
    shares: dict[tuple[str, int], float]


def evidence(
    query: Query, entities: np.ndarray, row: np.ndarray, index: np.ndarray, ranker: Ranker | None, weights: Weights
) -> list[Named]:
    """What speaks for candidates of a query.

    Args:
        query: Entities and their candidates.
        entities: Of the query, as the market knows them, (entities,).
        row: Entity (position in the query) of each pair, (pairs,).
        index: Its candidate, (pairs,).
        ranker: That gave the scores, if one did.
        weights: Else the weights of the kinds of evidence.
    """
    if ranker is None:
        return [
            _of_blend(query, int(entities[entry]), entry, at, weights)
            for entry, at in zip(row.tolist(), index.tolist(), strict=True)
        ]
    if not len(row):
        return []
    contributions = ranker.contributions(_numbers(query, row, index))  # (pairs, names + 1)
    base, raw = contributions[:, -1], contributions.sum(axis=1)
    slope = np.divide(expit(raw) - expit(base), raw - base, out=expit(base) * expit(-base), where=raw != base)
    results, terms_of = [], {}
    for n, (entry, at) in enumerate(zip(row.tolist(), index.tolist(), strict=True)):
        shares: dict[tuple[str, int], float] = defaultdict(float)
        if entry not in terms_of:  # pairs of an entity stand together
            terms_of = {entry: _Terms(query.pair_features, int(entities[entry]), entry)}
        item, terms = int(query.candidates.items[entry, at]), terms_of[entry]
        for name, value in zip(query.names, (slope[n] * contributions[n, :-1]).tolist(), strict=True):
            if not value:
                continue
            if name == "blend":
                _add_blend(shares, query, entry, at, query.weights, terms, value)
            else:
                _add(shares, OF_NUMBERS[name.split("_")[0]], value, item, terms.of(name, item))
        results.append(Named(float(expit(raw[n])), float(expit(base[n])), dict(shares)))
    return results


def _numbers(query: Query, row: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Numbers of pairs, float32 (pairs, names): of those of an entity at once."""
    selected, which, counts = np.unique(row, return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    column = np.empty(len(row), np.int64)
    column[order] = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    candidates = np.zeros((len(selected), counts.max()), np.int64)  # whoever has fewer asks for the first again
    candidates[which, column] = index
    return query.numbers(selected, candidates)[which, column]


def _of_blend(query: Query, entity: int, row: int, index: int, weights: Weights) -> Named:
    shares: dict[tuple[str, int], float] = defaultdict(float)
    score = float(query.candidates.retrieval_scores[row, index] @ np.asarray(weights, np.float32))
    _add_blend(shares, query, row, index, weights, _Terms(query.pair_features, entity, row), score)
    return Named(score, 0.0, dict(shares))


def _add_blend(
    shares: dict[tuple[str, int], float], query: Query, row: int, index: int, weights: Weights, terms: "_Terms",
    value: float,
) -> None:  # fmt: skip
    """Share a value out as the kinds of evidence make up the blend."""
    item = int(query.candidates.items[row, index])
    parts = query.candidates.retrieval_scores[row, index].astype(np.float64) * weights
    total = parts.sum()
    for kind, part in zip(KINDS, parts.tolist(), strict=True):
        if part:
            _add(shares, OF_BLEND[kind], value * part / total, item, terms.of_kind(kind, item))
    if not total:
        shares[PERSONAL, ALL_HISTORY] += value  # nothing speaks for it: that it was not had


def _add(
    shares: dict[tuple[str, int], float],
    kind: str,
    value: float,
    item: int,
    terms: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    """Share a value out over items (terms,) as their terms (terms,) make up a sum; or leave it whole."""
    if kind == PERSONAL:
        shares[PERSONAL, item] += value
        return
    if terms is not None:
        codes, parts = terms
        total = parts.sum()
        if abs(total) > CLEAR * np.abs(parts).sum():
            for code, part in zip(codes.tolist(), parts.tolist(), strict=True):
                if part:
                    shares[kind, code] += value * part / total
            return
    shares[kind, ALL_HISTORY] += value


class _Terms:
    """What each item of an entity's history is in the sums that speak for an item."""

    def __init__(self, pair_features: PairFeatures, entity: int, row: int) -> None:
        self._pair_features, self._row = pair_features, row
        # The item that was asked for last, and its products with the history.
        self._item, self._products = ALL_HISTORY, np.zeros(0)
        sequences = pair_features.interactions.sequences
        first, end, now = sequences.complete_histories(np.array([entity]))
        events = slice(int(first[0]), int(end[0]))
        age = now[0] - sequences.session_index[events] - 1
        self._codes, which = np.unique(sequences.item[events], return_inverse=True)
        faded = [np.exp2(-age / half_life) for half_life in HALF_LIVES] + [(age < few).astype(float) for few in RECENT]
        self._pools = np.stack([np.bincount(which, weight, len(self._codes)) for weight in faded])  # (pools, items)

    def of(self, name: str, item: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The terms of a pair's number, by its name."""
        kind, _, which = name.partition("_")
        if kind == "close":
            return self._close(np.eye(len(self._pools))[int(which)], item)
        if kind == "follows":
            return self._follows(float(which), item)
        return self._similar(item) if kind == "similar" else None

    def of_kind(self, kind: str, item: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The terms of a kind of evidence of a blend."""
        if kind == "close":
            return self._close(np.asarray(START), item)
        return self._follows(STEPS[1], item) if kind == "follows" else None

    def _close(self, share: np.ndarray, item: int) -> tuple[np.ndarray, np.ndarray]:
        vectors = self._pair_features.interactions.item_models.vectors
        if item != self._item:
            self._item, self._products = item, self._vectors @ vectors[item]
        return self._codes, ((share / self._lengths) @ self._pools) * self._products

    @cached_property
    def _vectors(self) -> np.ndarray:
        """Of the items of the history, float64 (items, dimension)."""
        return self._pair_features.interactions.item_models.vectors[self._codes].astype(np.float64)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Of the sums of vectors in each pool, (pools,); 1 where there is none."""
        length = np.linalg.norm(self._pools @ self._vectors, axis=1)
        return np.where(length > 0, length, 1)

    def _follows(self, half_life: float, item: int) -> tuple[np.ndarray, np.ndarray]:
        recent_counts = self._pair_features.recent_counts[STEPS.index(half_life)]
        entries = slice(recent_counts.indptr[self._row], recent_counts.indptr[self._row + 1])
        codes = recent_counts.indices[entries]
        column = self._pair_features.interactions.item_models.relations.follows[codes][:, [item]]
        return codes, recent_counts.data[entries].astype(np.float64) * np.asarray(column.todense(), np.float64)[:, 0]

    def _similar(self, item: int) -> tuple[np.ndarray, np.ndarray] | None:
        relations, log_counts = self._pair_features.interactions.item_models.relations, self._pair_features.log_counts
        at = int(relations.ease_index[item])
        if at < 0:
            return None
        entries = slice(log_counts.indptr[self._row], log_counts.indptr[self._row + 1])
        codes = np.flatnonzero(relations.ease_index >= 0)[log_counts.indices[entries]]
        return codes, log_counts.data[entries] * relations.ease_weights[log_counts.indices[entries], at]
