"""Questions of what entities take next, and how well scores of the items put forward answer them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from basemodel_ops.tasks.diversity import diversified
from basemodel_ops.tasks.kernels import values_at
from basemodel_ops.tasks.metrics import is_among, ranking_by_row, ranking_metrics
from basemodel_ops.tasks.pair_features import PairFeatures
from basemodel_ops.tasks.recommendation import BASELINES, NO_ITEM, CandidateSet, Weights

TOP = 20
"""Items named per entity."""

POLICIES = ("keep", "remove")
"""What may be done with items that an entity already had."""


@dataclass(frozen=True)
class Query:
    """Entities at one cutoff: the items put forward, what speaks for them and, where it is over, what was taken."""

    candidates: CandidateSet
    pair_features: PairFeatures
    truth: list[np.ndarray]
    weights: Weights = BASELINES["baseline"]  # of a blend, which is a number of a pair too
    entity_index: np.ndarray | None = None
    """Whose rows these are, (entities,): the same at all cutoffs; None where one cutoff is asked."""

    @cached_property
    def taken(self) -> np.ndarray:
        """Which of the items put forward were taken, bool (entities, candidates)."""
        return is_among(self.candidates.items, self.truth) & self.candidates.is_first

    @property
    def names(self) -> list[str]:
        """Name of each number of a pair."""
        return [*self.pair_features.names, "blend"]

    def numbers(self, entities: np.ndarray, candidate_index: np.ndarray | None = None) -> np.ndarray:
        """Numbers of pairs of these entities, float32 (entities, candidates, names).

        Args:
            entities: Positions, (entities,).
            candidate_index: Positions of their candidates, (entities, candidates); all if not given.
        """
        items, blend = (
            self.candidates.items[entities],
            self.candidates.retrieval_scores[entities] @ np.asarray(self.weights, np.float32),
        )
        if candidate_index is not None:
            items, blend = (np.take_along_axis(values, candidate_index, axis=1) for values in (items, blend))
        return np.concatenate([self.pair_features.rows(entities, items), blend[:, :, None]], axis=2)

    @cached_property
    def unseen(self) -> "Query":
        """The same of items that the entity had not had before."""
        had = self.candidates.retrieval_scores[:, :, 0] > 0
        fresh = replace(self.candidates, is_first=self.candidates.is_first & ~had)
        return replace(self, candidates=fresh, truth=never_had(self.truth, self.pair_features.interaction_days))


def never_had(items: Sequence[np.ndarray], had: csr_matrix) -> list[np.ndarray]:
    """Of the items of each row those at which `had` (rows, all items), each place once and in order, holds nothing."""
    count = np.array([len(item) for item in items], int)
    there = np.arange(count.max(initial=0)) < count[:, None]
    flat = np.full(there.shape, NO_ITEM, np.int64)
    flat[there] = np.concatenate([np.zeros(0, np.int64), *items])
    is_new = (values_at(had, flat) == 0) & there
    return np.split(flat[is_new], is_new.sum(axis=1).cumsum())[:-1]


def apply_policy(
    policy: str, queries: Sequence[Query], scores: Sequence[np.ndarray], diversity: float = 0.0, k: int = TOP
) -> Sequence[np.ndarray]:
    """The scores under a policy for items that an entity already had, "keep" them or "remove" them, and by how unlike
    each other the k best shall be."""
    if policy == "remove":
        scores = [
            query.candidates.without_had(query_scores) for query, query_scores in zip(queries, scores, strict=True)
        ]
    if diversity == 0:
        return scores
    pairs = [(query.candidates, query.pair_features.interactions.item_models.vectors) for query in queries]
    return [
        diversified(candidate_set.items, query_scores, candidate_set.is_first, vectors, diversity, k)
        for (candidate_set, vectors), query_scores in zip(pairs, scores, strict=True)
    ]


def sampled(queries: Sequence[Query], most: int, seed: int) -> list[Query]:
    """The same of at most `most` entities of each query, without what speaks for their pairs."""

    def rows(count: int) -> np.ndarray:
        return np.sort(np.random.default_rng(seed).choice(count, min(most, count), replace=False))

    return [entities_of(query, rows(len(query.truth))) for query in queries]


def entities_of(query: Query, rows: np.ndarray) -> Query:
    """The query of some entities (positions), without what speaks for their pairs."""
    candidates = CandidateSet(
        query.candidates.items[rows], query.candidates.retrieval_scores[rows], query.candidates.is_first[rows]
    )
    whose = None if query.entity_index is None else query.entity_index[rows]
    return replace(query, candidates=candidates, truth=[query.truth[row] for row in rows], entity_index=whose)


def entities(queries: Sequence[Query]) -> list[np.ndarray]:
    """Whose each row is, (entities,) of each query."""
    return [np.arange(len(query.truth)) if query.entity_index is None else query.entity_index for query in queries]


def halves(queries: Sequence[Query], seed: int) -> list[np.ndarray]:
    """A half of the entities, bool (entities,) of each query: all rows of an entity are on one side.

    Windows of near cutoffs overlap, so a row at the one tells what was taken at the other.
    """
    whose = entities(queries)
    draws = np.random.default_rng([seed, 1]).random(2 + max(int(index.max(initial=-1)) for index in whose))
    return [draws[index] < 0.5 for index in whose]


def ndcg(queries: Sequence[Query], scores: Sequence[np.ndarray], policies: Sequence[str] = POLICIES) -> float:
    """NDCG@10 under the policy by which it is best."""
    truth = [items for query in queries for items in query.truth]
    return max(
        ranking_metrics(truth, _best(queries, apply_policy(policy, queries, scores), 10))["ndcg_10"]
        for policy in policies
    )


def ndcg_by_row(queries: Sequence[Query], scores: Sequence[np.ndarray]) -> np.ndarray:
    """NDCG@10 of every row of all queries; not a number where nothing was taken."""
    truth = [items for query in queries for items in query.truth]
    return ranking_by_row(truth, _best(queries, scores, 10))["ndcg_10"]


def best_policy(
    queries: Sequence[Query],
    scores: Sequence[np.ndarray],
    policies: Sequence[str] = POLICIES,
    diversity: float = 0.0,
) -> tuple[str, dict[str, float]]:
    """The policy with the best NDCG@10, and all metrics under it."""
    results = {policy: measure_scores(queries, apply_policy(policy, queries, scores, diversity)) for policy in policies}
    best = max(results, key=lambda policy: results[policy]["ndcg_10"])
    return best, results[best]


def measure_scores(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int = TOP) -> dict[str, float]:
    """Ranking metrics of all items and of new ones; coverage, the share of the items put forward that anyone is shown;
    novelty, the mean surprise of what is shown, in bits of its share of all recent events (Zhou et al., 2010)."""
    best = [query.candidates.best(query_scores, k)[0] for query, query_scores in zip(queries, scores, strict=True)]
    ranked = np.concatenate(best)
    fresh = [query.unseen for query in queries]
    new = ranking_metrics([items for query in fresh for items in query.truth], _best(fresh, scores, k))
    candidates = _distinct([query.candidates.items for query in queries])
    return {
        **ranking_metrics([items for query in queries for items in query.truth], ranked),
        **{f"new_{name}": value for name, value in new.items()},
        "coverage": _distinct([ranked]) / max(candidates, 1),
        "novelty": _novelty(queries, best),
    }


def _distinct(items: Sequence[np.ndarray]) -> int:
    """How many items are somewhere in these arrays."""
    there = np.zeros(max((int(item.max(initial=-1)) for item in items), default=-1) + 1, bool)
    for item in items:
        there[item[item >= 0]] = True
    return int(there.sum())


def _novelty(queries: Sequence[Query], best: Sequence[np.ndarray]) -> float:
    results = [np.zeros(0)]
    for query, items in zip(queries, best, strict=True):
        events = np.expm1(query.pair_features.interactions.item_statistics.popularity[-1])
        shares = events[items[items >= 0]] / max(events.sum(), 1e-12)
        results.append(-np.log2(shares[shares > 0]))
    bits = np.concatenate(results)
    return float(bits.mean()) if len(bits) else 0.0


def _best(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int) -> np.ndarray:
    return np.concatenate(
        [query.candidates.best(query_scores, k)[0] for query, query_scores in zip(queries, scores, strict=True)]
    )
