"""What speaks for an item to an entity at a cutoff: one row of numbers per pair, for a ranker that learns from them.

All of it is of events strictly before the cutoff. Nothing names the entity or the item, so that what is learnt holds
for both when they are new.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.foundation.retrieval import POOLS, Retrieval, Sequences, pools
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.occasions import occasions
from basemodel_ops.tasks.kernels import at_places, follow, products
from basemodel_ops.tasks.relations import Relations

HALF_LIVES = (7.0, 30.0, 60.0, 120.0)
"""Days, of personal counts."""

STEPS = (1.0, 3.0, 10.0)
"""Half-lives in occasions of the entity, of what its items are followed by."""

POPULAR_DAYS = (14, 56)
"""Windows of popularity."""

FAINT = 1 / 128
"""Weights of occasions below which they are left out: seven half-lives."""

NEVER = 1000.0
"""Days since an event that never was."""


@dataclass(frozen=True)
class Learnt:
    """What was learnt of items up to the end of training."""

    vectors: np.ndarray  # (items, dimension) Cleora
    facts: Mapping[str, np.ndarray]  # per fact the code of each item's value, (items,), -1 where not known
    relations: Relations
    retrieval: Retrieval


def sequences_before(history: History, column: str, cutoff: int) -> Sequences:
    """The known items of all entities strictly before `cutoff` (microseconds), with their occasions."""
    codes = history.codes[column]
    seen = (history.time < cutoff) & (codes >= 0)
    owner = np.repeat(np.arange(history.entities), np.diff(history.start))[seen]
    session = None if history.session is None else history.session[seen]
    start = np.searchsorted(owner, np.arange(history.entities + 1))
    return Sequences(start, codes[seen].astype(np.int64), occasions(owner, history.time[seen], session))


@dataclass(frozen=True)
class Common:
    """What is known of items before a cutoff, whoever is asked."""

    popularity: np.ndarray  # (windows, items) log of events a day
    repeats: np.ndarray  # (items,) share of its takers who took it again
    usual: list[np.ndarray]  # per fact the share of each value in all events

    @classmethod
    def of(
        cls, counts: np.ndarray, total: np.ndarray, repeats: np.ndarray, facts: Mapping[str, np.ndarray]
    ) -> "Common":
        """From events of each item in the windows of `POPULAR_DAYS`, (windows, items), and of all time, (items,)."""
        usual = [
            np.bincount(known + 1, weights=total, minlength=int(known.max(initial=-1)) + 2)[1:] / max(total.sum(), 1)
            for known in facts.values()
        ]
        return cls(np.log1p(counts / np.array(POPULAR_DAYS)[:, None]), repeats, usual)


@dataclass(frozen=True)
class Market:
    """The events of some entities before a cutoff, and what is known of the items."""

    owner: np.ndarray  # (events,) entity
    item: np.ndarray  # (events,)
    age: np.ndarray  # (events,) days
    entities: int
    learnt: Learnt
    sequences: Sequences
    visits: csr_matrix  # (entities, items): position in the three below, plus 1
    count: np.ndarray  # (pairs,) days with the item
    gap: np.ndarray  # (pairs,) mean days between two of them; `NEVER` after only one
    last: np.ndarray  # (pairs,) days since the last
    common: Common

    @classmethod
    def before(
        cls, history: History, column: str, learnt: Learnt, cutoff: int, common: Common | None = None,
        share: float = 1.0,
    ) -> "Market":  # fmt: skip
        """Everything strictly before `cutoff` (microseconds) in the category `column` of these entities.

        Args:
            history: Of the entities.
            column: The items.
            learnt: What is known of the items up to the end of training.
            cutoff: Microseconds.
            common: What is known of the items up to the cutoff; from these entities where it is not given.
            share: That these entities are of all.
        """
        codes = history.codes[column]
        seen = (history.time < cutoff) & (codes >= 0)
        owner = np.repeat(np.arange(history.entities), np.diff(history.start))[seen]
        item, age, items = codes[seen].astype(np.int64), (cutoff - history.time[seen]) / DAY, len(learnt.vectors)
        # One visit of an item a day.
        day = np.ceil(age).astype(np.int64)
        span = int(day.max(initial=0)) + 1
        visit = np.sort((owner * items + item) * span + day)
        pairs, day = np.divmod(visit[np.diff(visit, prepend=-1) > 0], span)
        first = np.flatnonzero(np.diff(pairs, prepend=-1) > 0)
        pair, count = pairs[first], np.diff(first, append=len(pairs))
        newest, oldest = day[first], day[first + count - 1]
        gap = np.where(count > 1, (oldest - newest) / np.maximum(count - 1, 1), NEVER)
        place = np.arange(1, len(pair) + 1, dtype=np.int64)
        visits = csr_matrix((place, (pair // items, pair % items)), (history.entities, items))
        if common is None:
            takers = np.bincount(pair % items, minlength=items)
            again = np.bincount((pair % items)[count > 1], minlength=items)
            windows = np.stack([np.bincount(item[age <= days], minlength=items) for days in POPULAR_DAYS]) / share
            total = np.bincount(item, minlength=items).astype(float)
            common = Common.of(windows, total, again / np.maximum(takers, 1), learnt.facts)
        return cls(
            owner, item, age, history.entities, learnt, sequences_before(history, column, cutoff), visits,
            count.astype(float), gap, newest.astype(float), common,
        )  # fmt: skip

    def affinity(self, entities: np.ndarray) -> "Affinity":
        """What these entities (indices) did, for their pairs with any items."""
        row = np.full(self.entities, -1)
        row[entities] = np.arange(len(entities))
        mine = row[self.owner] >= 0
        owner, item, age = row[self.owner[mine]], self.item[mine], self.age[mine]
        learnt, relations = self.learnt, self.learnt.relations
        shape = (len(entities), len(learnt.vectors))
        personal = [_summed(np.exp2(-age / life), owner, item, shape) for life in HALF_LIVES]
        oldest = np.zeros(len(entities))
        np.maximum.at(oldest, owner, age)
        span = self.sequences.whole(entities)
        back = span[2][owner] - 1 - self.sequences.occasion[mine]
        lately = []
        for life in STEPS:
            weight = np.exp2(-back / life).astype(np.float32)
            some = weight >= FAINT
            lately.append(_summed(weight[some], owner[some], item[some], shape))
        similar = relations.similar_place[item]
        kept = similar >= 0
        own = csr_matrix(
            (np.exp2(-age[kept] / HALF_LIVES[-1]), (owner[kept], similar[kept])),
            (len(entities), len(relations.similarity)),
        )
        own.data = np.log1p(own.data)
        shares = [[_shares(counts, codes) for codes in learnt.facts.values()] for counts in (personal[-1], lately[0])]
        visits = csr_matrix(self.visits[entities])
        recent = np.bincount(owner[age <= 28], minlength=len(entities))
        times = np.zeros(len(entities))
        np.maximum.at(times, owner, back + 1)
        activity = np.stack([recent, np.diff(visits.indptr), oldest, times], axis=1)
        queries = learnt.retrieval.queries(self.sequences, entities)
        pooled = pools(self.sequences, span, learnt.vectors)
        level = learnt.retrieval.level(queries)
        return Affinity(self, personal, lately, visits, pooled, own, shares, queries, level, np.log1p(activity))


def _summed(values: np.ndarray, row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """A sparse matrix with each place once and in order, which is what makes looking places up fast."""
    found = csr_matrix((values, (row, column)), shape)
    found.sum_duplicates()
    return found


def _shares(counts: csr_matrix, codes: np.ndarray) -> csr_matrix:
    """Share of each value of a fact in what entities had, (entities, values)."""
    known = np.flatnonzero(codes >= 0)
    groups = int(codes.max(initial=-1)) + 1
    onto = csr_matrix((np.ones(len(known)), (known, codes[known])), (len(codes), groups))
    found = csr_matrix(counts @ onto)
    total = np.maximum(np.asarray(found.sum(axis=1)).ravel(), 1e-9)
    found = csr_matrix(diags_array(1 / total) @ found)
    found.sum_duplicates()
    return found


@dataclass(frozen=True)
class Affinity:
    """What a list of entities did, from which the numbers of any pair are read off."""

    market: Market
    personal: list[csr_matrix]  # per half-life (entities, items) decayed counts
    lately: list[csr_matrix]  # the same by occasions
    visits: csr_matrix  # (entities, items) as in the market
    pools: np.ndarray  # (entities, pools, dimension) unit length
    own: csr_matrix  # (entities, similar items) log of decayed counts
    shares: list[list[csr_matrix]]  # of long and of the last occasions, per fact (entities, values)
    queries: np.ndarray  # (entities, dimension) of the network
    level: np.ndarray  # (entities,) what logits are measured against, see `Retrieval.level`
    activity: np.ndarray  # (entities, 4)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each number."""
        facts = range(len(self.market.learnt.facts))
        return (
            *(f"personal_{life:g}" for life in HALF_LIVES), "days", "since", "gap", "due",
            *(f"popular_{days}" for days in POPULAR_DAYS), "trend", "repeats",
            *(f"close_{pool}" for pool in range(POOLS)),
            *(f"follows_{life:g}" for life in STEPS), "similar", "learnt",
            *(f"{kind}_{fact}" for fact in facts for kind in ("share", "lift", "last")),
            "recent", "distinct", "tenure", "occasions",
        )  # fmt: skip

    def follows(self, chosen: np.ndarray, items: np.ndarray, life: int = 1) -> np.ndarray:
        """How much items (chosen, items each) follow what the chosen entities had, float32 of the same shape."""
        lately, follows = self.lately[life], self.market.learnt.relations.follows
        out = np.empty(items.shape, np.float32)
        follow(
            chosen, lately.indptr, lately.indices, lately.data, follows.indptr, follows.indices, follows.data,
            len(self.market.learnt.vectors), items, out,
        )  # fmt: skip
        return out

    def logits(self, chosen: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Logits of items (items,) by the network, float32 (chosen, items)."""
        retrieval = self.market.learnt.retrieval
        return self.queries[chosen] @ retrieval.items[items].T + retrieval.bias[items]

    def rows(self, chosen: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Numbers of the pairs of the chosen entities with their items, float32 (chosen, items each, names)."""
        market, learnt = self.market, self.market.learnt
        parts = [np.log1p(at_places(counts[chosen], items)) for counts in self.personal]
        place = at_places(self.visits[chosen], items)
        count, gap, last = (
            np.where(place > 0, np.append(values, missing)[place - 1], missing)
            for values, missing in ((market.count, 0.0), (market.gap, NEVER), (market.last, NEVER))
        )
        parts += [np.log1p(count), np.log1p(last), np.log1p(gap), np.minimum(last / np.maximum(gap, 0.5), 20)]
        popular = [counts[items] for counts in market.common.popularity]
        parts += [*popular, popular[0] - popular[-1], market.common.repeats[items]]
        close = np.empty((POOLS, *items.shape), np.float32)
        products(self.pools[chosen], learnt.vectors, items, close)
        parts += list(close)
        parts += [self.follows(chosen, items, life) for life in range(len(STEPS))]
        similar = learnt.relations.similar_place[items]
        scores = np.asarray(self.own[chosen] @ learnt.relations.similarity, np.float32)
        scores = np.pad(scores, ((0, 0), (0, 1)))  # the last column is that of items without
        parts.append(np.take_along_axis(scores, similar, axis=1))
        logits = np.empty((1, *items.shape), np.float32)
        products(self.queries[chosen][:, None], learnt.retrieval.items, items, logits)
        parts.append(logits[0] + learnt.retrieval.bias[items] - self.level[chosen, None])
        for fact, (codes, usual) in enumerate(zip(learnt.facts.values(), market.common.usual, strict=True)):
            group = codes[items]
            known = np.maximum(group, 0)
            share, newest = (
                np.where(group >= 0, at_places(shares[fact][chosen], known), 0) if len(usual) else 0 * group
                for shares in self.shares
            )
            parts += [share, np.log((share + 1e-4) / (np.append(usual, 1.0)[group] + 1e-4)), newest]
        parts += [np.broadcast_to(column[chosen, None], items.shape) for column in self.activity.T]
        return np.stack(parts, axis=2).astype(np.float32)
