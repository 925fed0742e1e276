"""What speaks for an item to an entity at a cutoff: one row of numbers per pair, for a ranker that learns from them.

All of it is of events strictly before the cutoff. Nothing names the entity or the item, so that what is learnt holds
for both when they are new.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.representation.history import DAY, History

HALF_LIVES = (7.0, 30.0, 120.0)
"""Days, of personal counts and of the pools that closeness is measured from."""

POPULAR_DAYS = (14, 56)
"""Windows of popularity."""

NEVER = 1000.0
"""Days since an event that never was."""

SIMILAR_ITEMS = 2000
"""Most popular items between which similarity is solved for; others have none."""

RIDGE = 500.0
"""Penalty of the item similarities."""


@dataclass(frozen=True)
class Market:
    """All events of items before a cutoff, and what follows from them for items alone."""

    owner: np.ndarray  # (events,) entity
    item: np.ndarray  # (events,)
    age: np.ndarray  # (events,) days
    entities: int
    vectors: np.ndarray  # (items, dimension)
    facts: Mapping[str, np.ndarray]  # per fact the code of each item's value, (items,), -1 where not known
    popularity: np.ndarray  # (windows, items) log of events a day
    repeats: np.ndarray  # (items,) share of its takers who took it again
    visits: csr_matrix  # (entities, items): position in the three below, plus 1
    count: np.ndarray  # (pairs,) days with the item
    gap: np.ndarray  # (pairs,) mean days between two of them; `NEVER` after only one
    last: np.ndarray  # (pairs,) days since the last
    usual: list[np.ndarray]  # per fact the share of each value in all events
    similar_place: np.ndarray  # (items,) row of `similarity`, -1 for none
    similarity: np.ndarray  # (similar items, similar items)

    @classmethod
    def before(
        cls, history: History, column: str, vectors: np.ndarray, facts: Mapping[str, np.ndarray], cutoff: int
    ) -> "Market":
        """Everything strictly before `cutoff` (microseconds) in the category `column` of all entities."""
        codes = history.codes[column]
        seen = (history.time < cutoff) & (codes >= 0)
        owner = np.repeat(np.arange(history.entities), np.diff(history.start))[seen]
        item, age, items = codes[seen].astype(np.int64), (cutoff - history.time[seen]) / DAY, len(vectors)
        windows = np.stack([np.bincount(item[age <= days], minlength=items) / days for days in POPULAR_DAYS])
        # One visit of an item a day.
        days = np.unique(np.stack([owner * items + item, np.ceil(age).astype(np.int64)]), axis=1)
        pair, first, count = np.unique(days[0], return_index=True, return_counts=True)
        newest, oldest = days[1, first], days[1, first + count - 1]
        gap = np.where(count > 1, (oldest - newest) / np.maximum(count - 1, 1), NEVER)
        takers = np.bincount(pair % items, minlength=items)
        again = np.bincount((pair % items)[count > 1], minlength=items)
        place = np.arange(1, len(pair) + 1, dtype=np.int64)
        visits = csr_matrix((place, (pair // items, pair % items)), (history.entities, items))
        similar_place, similarity = _similarity(owner, item, age, history.entities, windows[-1])
        usual = [
            np.bincount(known[item] + 1, minlength=int(known.max(initial=-1)) + 2)[1:] / max(len(item), 1)
            for known in facts.values()
        ]
        return cls(
            owner, item, age, history.entities, vectors, facts, np.log1p(windows), again / np.maximum(takers, 1),
            visits, count.astype(float), gap, newest.astype(float), usual, similar_place, similarity,
        )  # fmt: skip

    def affinity(self, entities: np.ndarray) -> "Affinity":
        """What these entities (indices) did, for their pairs with any items."""
        row = np.full(self.entities, -1)
        row[entities] = np.arange(len(entities))
        mine = row[self.owner] >= 0
        owner, item, age = row[self.owner[mine]], self.item[mine], self.age[mine]
        shape = (len(entities), len(self.vectors))
        personal = [csr_matrix((np.exp2(-age / life), (owner, item)), shape) for life in HALF_LIVES]
        newest, oldest = np.full(len(entities), np.inf), np.zeros(len(entities))
        np.minimum.at(newest, owner, age)
        np.maximum.at(oldest, owner, age)
        last = csr_matrix(((age < newest[owner] + 1).astype(float), (owner, item)), shape)
        pools = np.stack([_unit(np.asarray(counts @ self.vectors)) for counts in (*personal, last)], axis=1)
        similar = self.similar_place[item]
        weight, kept = np.exp2(-age / HALF_LIVES[-1]), similar >= 0
        own = csr_matrix((weight[kept], (owner[kept], similar[kept])), (len(entities), len(self.similarity)))
        own.data = np.log1p(own.data)
        shares = []
        for codes in self.facts.values():
            known = np.flatnonzero(codes >= 0)
            groups = int(codes.max(initial=-1)) + 1
            onto = csr_matrix((np.ones(len(known)), (known, codes[known])), (len(codes), groups))
            counts = csr_matrix(personal[-1] @ onto)
            total = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1e-9)
            shares.append(csr_matrix(diags_array(1 / total) @ counts))
        visits = csr_matrix(self.visits[entities])
        recent = np.bincount(owner[age <= 28], minlength=len(entities))
        activity = np.log1p(np.stack([recent, np.diff(visits.indptr), oldest], axis=1))
        similar_scores = np.asarray(own @ self.similarity, np.float32)
        return Affinity(self, personal, visits, pools.astype(np.float32), similar_scores, shares, activity)


@dataclass(frozen=True)
class Affinity:
    """What a list of entities did, from which the numbers of any pair are read off."""

    market: Market
    personal: list[csr_matrix]  # per half-life (entities, items) decayed counts
    visits: csr_matrix  # (entities, items) as in the market
    pools: np.ndarray  # (entities, half-lives + 1, dimension) unit length, that of the last day at the end
    similar: np.ndarray  # (entities, similar items)
    shares: list[csr_matrix]  # per fact (entities, values)
    activity: np.ndarray  # (entities, 3)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each number."""
        lives = [f"{life:g}" for life in HALF_LIVES]
        facts = range(len(self.market.facts))
        return (
            *(f"personal_{life}" for life in lives), "days", "since", "gap", "due",
            *(f"popular_{days}" for days in POPULAR_DAYS), "trend", "repeats",
            *(f"close_{life}" for life in lives), "close_last", "similar",
            *(f"{kind}_{fact}" for fact in facts for kind in ("share", "lift")),
            "recent", "distinct", "tenure",
        )  # fmt: skip

    def rows(self, low: int, high: int, items: np.ndarray) -> np.ndarray:
        """Numbers of the pairs of entities `low` to `high` with their items, float32 (entities, items each, names)."""
        market = self.market
        parts = [np.log1p(_at(counts[low:high], items)) for counts in self.personal]
        place = _at(self.visits[low:high], items)
        count, gap, last = (
            np.where(place > 0, np.append(values, missing)[place - 1], missing)
            for values, missing in ((market.count, 0.0), (market.gap, NEVER), (market.last, NEVER))
        )
        parts += [np.log1p(count), np.log1p(last), np.log1p(gap), np.minimum(last / np.maximum(gap, 0.5), 20)]
        popular = [counts[items] for counts in market.popularity]
        parts += [*popular, popular[0] - popular[-1], market.repeats[items]]
        parts += list(np.einsum("eqd,eid->qei", self.pools[low:high], market.vectors[items]))
        similar = market.similar_place[items]
        scores = np.pad(self.similar[low:high], ((0, 0), (0, 1)))  # the last column is that of items without
        parts.append(np.take_along_axis(scores, similar, axis=1))
        for shares, codes, usual in zip(self.shares, market.facts.values(), market.usual, strict=True):
            group = codes[items]
            share = np.where(group >= 0, _at(shares[low:high], np.maximum(group, 0)), 0) if len(usual) else 0 * group
            parts += [share, np.log((share + 1e-4) / (np.append(usual, 1.0)[group] + 1e-4))]
        parts += [np.broadcast_to(column[low:high, None], items.shape) for column in self.activity.T]
        return np.stack(parts, axis=2).astype(np.float32)


def _at(matrix: csr_matrix, items: np.ndarray) -> np.ndarray:
    """Values of a sparse matrix at (row, items of the row), (rows, items each)."""
    found = matrix[np.arange(len(items)).repeat(items.shape[1]), items.ravel()]
    return np.asarray(found).reshape(items.shape)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def _similarity(
    owner: np.ndarray, item: np.ndarray, age: np.ndarray, entities: int, popularity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which items have similarities, and these, solved for in closed form (EASE, arXiv 1905.03375)."""
    best = np.sort(np.argsort(-popularity, kind="stable")[: min(SIMILAR_ITEMS, int((popularity > 0).sum()))])
    place = np.full(len(popularity), -1)
    place[best] = np.arange(len(best))
    mine = place[item] >= 0
    weight = np.exp2(-age[mine] / HALF_LIVES[-1])
    counts = csr_matrix((weight, (owner[mine], place[item[mine]])), (entities, len(best)))
    counts.data = np.log1p(counts.data)
    gram = np.asarray((counts.T @ counts).todense())
    gram[np.diag_indices(len(best))] += RIDGE
    inverse = np.linalg.inv(gram) if len(best) else gram
    weights = -inverse / np.diag(inverse)
    weights[np.diag_indices(len(best))] = 0
    return place, weights.astype(np.float32)
