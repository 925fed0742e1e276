"""What speaks for an item that was named to an entity: shares of its score by evidence and by item of the history.

A blend is a weighted sum, and a ranker's trees have exact Shapley values, so kinds of evidence add up. Closeness, what
follows what, and similarity are sums over the items of the history: each has the share that its term has in the sum.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from basemodel_ops.foundation.retrieval import HALF_LIVES, RECENT, START
from basemodel_ops.tasks.affinity import STEPS, Affinity
from basemodel_ops.tasks.ranker import Ranker
from basemodel_ops.tasks.recommendation import KINDS, Weights
from basemodel_ops.tasks.reranking import Query

OWN, POPULAR, CLOSE, FOLLOWS, SIMILAR, NETWORK, FACTS, ACTIVITY = (
    "had it before", "popularity", "closeness", "follows", "goes together", "network", "facts", "activity",
)  # fmt: skip
"""Kinds of evidence."""

OF_BLEND = dict(zip(KINDS, (OWN, POPULAR, CLOSE, FOLLOWS, NETWORK), strict=True))

OF_NUMBERS = {
    "personal": OWN, "days": OWN, "since": OWN, "gap": OWN, "due": OWN, "popular": POPULAR, "trend": POPULAR,
    "repeats": POPULAR, "close": CLOSE, "follows": FOLLOWS, "similar": SIMILAR, "learnt": NETWORK, "share": FACTS,
    "lift": FACTS, "last": FACTS, "recent": ACTIVITY, "distinct": ACTIVITY, "tenure": ACTIVITY, "occasions": ACTIVITY,
}  # fmt: skip
"""By the first word of the name of a pair's number."""

CLEAR = 0.1
"""Terms are told one by one where their sum is at least so much of the sum of their sizes: else they cancel out."""

WHOLE = -1
"""Stands for the history as a whole, in place of an item."""


@dataclass(frozen=True)
class Named:
    """An item named to an entity: `shares` by kind of evidence and item of the history sum to `score - base`."""

    score: float
    base: float
    shares: dict[tuple[str, int], float]


def evidence(
    query: Query, entities: np.ndarray, row: np.ndarray, place: np.ndarray, ranker: Ranker | None, weights: Weights
) -> list[Named]:
    """What speaks for candidates of a query.

    Args:
        query: Entities and their candidates.
        entities: Of the query, as the market knows them, (entities,).
        row: Entity (position in the query) of each pair, (pairs,).
        place: Its candidate, (pairs,).
        ranker: That gave the scores, if one did.
        weights: Else the weights of the kinds of evidence.
    """
    if ranker is None:
        return [
            _of_blend(query, int(entities[one]), one, at, weights)
            for one, at in zip(row.tolist(), place.tolist(), strict=True)
        ]
    if not len(row):
        return []
    numbers = np.concatenate([query.numbers(row[[n]], place[[[n]]])[0] for n in range(len(row))])
    told = ranker.contributions(numbers)  # (pairs, names + 1)
    base, raw = told[:, -1], told.sum(axis=1)
    slope = np.divide(expit(raw) - expit(base), raw - base, out=expit(base) * expit(-base), where=raw != base)
    found = []
    for n, (one, at) in enumerate(zip(row.tolist(), place.tolist(), strict=True)):
        shares: dict[tuple[str, int], float] = defaultdict(float)
        item, terms = int(query.shortlist.items[one, at]), _Terms(query.affinity, int(entities[one]), one)
        for name, value in zip(query.names, (slope[n] * told[n, :-1]).tolist(), strict=True):
            if not value:
                continue
            if name == "blend":
                _add_blend(shares, query, one, at, query.weights, terms, value)
            else:
                _add(shares, OF_NUMBERS[name.split("_")[0]], value, item, terms.of(name, item))
        found.append(Named(float(expit(raw[n])), float(expit(base[n])), dict(shares)))
    return found


def _of_blend(query: Query, entity: int, row: int, place: int, weights: Weights) -> Named:
    shares: dict[tuple[str, int], float] = defaultdict(float)
    score = float(query.shortlist.evidence[row, place] @ np.asarray(weights, np.float32))
    _add_blend(shares, query, row, place, weights, _Terms(query.affinity, entity, row), score)
    return Named(score, 0.0, dict(shares))


def _add_blend(
    shares: dict[tuple[str, int], float], query: Query, row: int, place: int, weights: Weights, terms: "_Terms",
    value: float,
) -> None:  # fmt: skip
    """Share a value out as the kinds of evidence make up the blend."""
    item = int(query.shortlist.items[row, place])
    parts = query.shortlist.evidence[row, place].astype(np.float64) * weights
    total = parts.sum()
    for kind, part in zip(KINDS, parts.tolist(), strict=True):
        if part:
            _add(shares, OF_BLEND[kind], value * part / total, item, terms.of_kind(kind, item))
    if not total:
        shares[OWN, WHOLE] += value  # nothing speaks for it: that it was not had


def _add(
    shares: dict[tuple[str, int], float],
    kind: str,
    value: float,
    item: int,
    terms: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    """Share a value out over items (terms,) as their terms (terms,) make up a sum; or leave it whole."""
    if kind == OWN:
        shares[OWN, item] += value
        return
    if terms is not None:
        codes, parts = terms
        total = parts.sum()
        if abs(total) > CLEAR * np.abs(parts).sum():
            for code, part in zip(codes.tolist(), parts.tolist(), strict=True):
                if part:
                    shares[kind, code] += value * part / total
            return
    shares[kind, WHOLE] += value


class _Terms:
    """What each item of an entity's history is in the sums that speak for an item."""

    def __init__(self, affinity: Affinity, entity: int, row: int) -> None:
        self._affinity, self._row = affinity, row
        sequences = affinity.market.sequences
        first, end, now = sequences.whole(np.array([entity]))
        events = slice(int(first[0]), int(end[0]))
        age = now[0] - sequences.occasion[events] - 1
        self._codes, which = np.unique(sequences.item[events], return_inverse=True)
        faded = [np.exp2(-age / life) for life in HALF_LIVES] + [(age < few).astype(float) for few in RECENT]
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
        vectors = self._affinity.market.learnt.vectors
        own = vectors[self._codes].astype(np.float64)
        length = np.linalg.norm(self._pools @ own, axis=1)
        weight = (share / np.where(length > 0, length, 1)) @ self._pools
        return self._codes, weight * (own @ vectors[item])

    def _follows(self, life: float, item: int) -> tuple[np.ndarray, np.ndarray]:
        lately = self._affinity.lately[STEPS.index(life)]
        some = slice(lately.indptr[self._row], lately.indptr[self._row + 1])
        codes = lately.indices[some]
        column = self._affinity.market.learnt.relations.follows[codes][:, [item]]
        return codes, lately.data[some].astype(np.float64) * np.asarray(column.todense(), np.float64)[:, 0]

    def _similar(self, item: int) -> tuple[np.ndarray, np.ndarray] | None:
        relations, own = self._affinity.market.learnt.relations, self._affinity.own
        at = int(relations.similar_place[item])
        if at < 0:
            return None
        some = slice(own.indptr[self._row], own.indptr[self._row + 1])
        codes = np.flatnonzero(relations.similar_place >= 0)[own.indices[some]]
        return codes, own.data[some] * relations.similarity[own.indices[some], at]
