"""Questions of what entities take next, and how well scores of the items put forward answer them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from basemodel_ops.tasks.affinity import Affinity
from basemodel_ops.tasks.diversity import diversified
from basemodel_ops.tasks.kernels import at_places
from basemodel_ops.tasks.metrics import is_among, ranking_metrics
from basemodel_ops.tasks.recommendation import BASELINES, NOTHING, Shortlist, Weights

TOP = 20
"""Items named per entity."""

POLICIES = ("keep", "remove")
"""What may be done with items that an entity already had."""


@dataclass(frozen=True)
class Query:
    """Entities at one cutoff: the items put forward, what speaks for them and, where it is over, what was taken."""

    shortlist: Shortlist
    affinity: Affinity
    truth: list[np.ndarray]
    weights: Weights = BASELINES["baseline"]  # of a blend, which is a number of a pair too

    @cached_property
    def taken(self) -> np.ndarray:
        """Which of the items put forward were taken, bool (entities, candidates)."""
        return is_among(self.shortlist.items, self.truth) & self.shortlist.is_first

    @property
    def names(self) -> list[str]:
        """Name of each number of a pair."""
        return [*self.affinity.names, "blend"]

    def numbers(self, entities: np.ndarray, place: np.ndarray | None = None) -> np.ndarray:
        """Numbers of pairs of these entities, float32 (entities, candidates, names).

        Args:
            entities: Positions, (entities,).
            place: Positions of their candidates, (entities, candidates); all if not given.
        """
        items, blend = (
            self.shortlist.items[entities],
            self.shortlist.evidence[entities] @ np.asarray(self.weights, np.float32),
        )
        if place is not None:
            items, blend = (np.take_along_axis(values, place, axis=1) for values in (items, blend))
        return np.concatenate([self.affinity.rows(entities, items), blend[:, :, None]], axis=2)

    @cached_property
    def unseen(self) -> "Query":
        """The same of items that the entity had not had before."""
        had = self.shortlist.evidence[:, :, 0] > 0
        fresh = replace(self.shortlist, is_first=self.shortlist.is_first & ~had)
        return replace(self, shortlist=fresh, truth=never_had(self.truth, self.affinity.visits))


def never_had(items: Sequence[np.ndarray], had: csr_matrix) -> list[np.ndarray]:
    """Of the items of each row those at which `had` (rows, all items), each place once and in order, holds nothing."""
    count = np.array([len(own) for own in items], int)
    there = np.arange(count.max(initial=0)) < count[:, None]
    flat = np.full(there.shape, NOTHING, np.int64)
    flat[there] = np.concatenate([np.zeros(0, np.int64), *items])
    is_new = (at_places(had, flat) == 0) & there
    return np.split(flat[is_new], is_new.sum(axis=1).cumsum())[:-1]


def following(
    policy: str, queries: Sequence[Query], scores: Sequence[np.ndarray], diversity: float = 0.0, k: int = TOP
) -> Sequence[np.ndarray]:
    """The scores under a policy for items that an entity already had, "keep" them or "remove" them, and by how unlike
    each other the k best shall be."""
    if policy == "remove":
        scores = [query.shortlist.without_had(own) for query, own in zip(queries, scores, strict=True)]
    if diversity == 0:
        return scores
    pairs = [(query.shortlist, query.affinity.market.learnt.vectors) for query in queries]
    return [
        diversified(one.items, own, one.is_first, vectors, diversity, k)
        for (one, vectors), own in zip(pairs, scores, strict=True)
    ]


def sampled(queries: Sequence[Query], most: int, seed: int) -> list[Query]:
    """The same of at most `most` entities of each query, without what speaks for their pairs."""
    found = []
    for query in queries:
        count = len(query.truth)
        rows = np.sort(np.random.default_rng(seed).choice(count, min(most, count), replace=False))
        one = query.shortlist
        shortlist = Shortlist(one.items[rows], one.evidence[rows], one.is_first[rows])
        found.append(Query(shortlist, query.affinity, [query.truth[row] for row in rows]))
    return found


def ndcg(queries: Sequence[Query], scores: Sequence[np.ndarray], policies: Sequence[str] = POLICIES) -> float:
    """NDCG@10 under the policy by which it is best."""
    truth = [items for query in queries for items in query.truth]
    return max(
        ranking_metrics(truth, _best(queries, following(policy, queries, scores), 10))["ndcg_10"] for policy in policies
    )


def best_policy(
    queries: Sequence[Query],
    scores: Sequence[np.ndarray],
    policies: Sequence[str] = POLICIES,
    diversity: float = 0.0,
) -> tuple[str, dict[str, float]]:
    """The policy with the best NDCG@10, and all metrics under it."""
    found = {policy: measure_scores(queries, following(policy, queries, scores, diversity)) for policy in policies}
    best = max(found, key=lambda policy: found[policy]["ndcg_10"])
    return best, found[best]


def measure_scores(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int = TOP) -> dict[str, float]:
    """Ranking metrics of all items and of new ones; coverage, the share of the items put forward that anyone is shown;
    novelty, the mean surprise of what is shown, in bits of its share of all recent events (Zhou et al., 2010)."""
    best = [query.shortlist.best(own, k)[0] for query, own in zip(queries, scores, strict=True)]
    ranked = np.concatenate(best)
    fresh = [query.unseen for query in queries]
    new = ranking_metrics([items for query in fresh for items in query.truth], _best(fresh, scores, k))
    put_forward = _distinct([query.shortlist.items for query in queries])
    return {
        **ranking_metrics([items for query in queries for items in query.truth], ranked),
        **{f"new_{name}": value for name, value in new.items()},
        "coverage": _distinct([ranked]) / max(put_forward, 1),
        "novelty": _novelty(queries, best),
    }


def _distinct(items: Sequence[np.ndarray]) -> int:
    """How many items are somewhere in these arrays."""
    there = np.zeros(max((int(own.max(initial=-1)) for own in items), default=-1) + 1, bool)
    for own in items:
        there[own[own >= 0]] = True
    return int(there.sum())


def _novelty(queries: Sequence[Query], best: Sequence[np.ndarray]) -> float:
    found = [np.zeros(0)]
    for query, items in zip(queries, best, strict=True):
        events = np.expm1(query.affinity.market.common.popularity[-1])
        shares = events[items[items >= 0]] / max(events.sum(), 1e-12)
        found.append(-np.log2(shares[shares > 0]))
    bits = np.concatenate(found)
    return float(bits.mean()) if len(bits) else 0.0


def _best(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int) -> np.ndarray:
    return np.concatenate([query.shortlist.best(own, k)[0] for query, own in zip(queries, scores, strict=True)])
