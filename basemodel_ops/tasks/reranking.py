"""A ranker of shortlists that learns, from what entities took next, which evidence to trust: gradient boosting."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import lightgbm as lgb
import numpy as np

from basemodel_ops.tasks.affinity import Affinity
from basemodel_ops.tasks.diversity import diversified
from basemodel_ops.tasks.metrics import is_among, ranking_metrics
from basemodel_ops.tasks.recommendation import BASELINES, NOTHING, Shortlist, Weights

PART = 128
"""Entities whose pairs are laid out at once."""

NEGATIVES = 60
"""Items not taken that are learnt from, per entity."""

TOP = 20
"""Items named per entity."""

ENOUGH = 200
"""Entities with an item taken that a ranker needs to be fitted at all."""

POLICIES = ("keep", "remove")
"""What may be done with items that an entity already had."""

ROUNDS = 80
PARAMETERS = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 50, "bagging_fraction": 0.8,
    "bagging_freq": 1, "feature_fraction": 0.7, "lambda_l2": 20.0, "num_threads": 2, "deterministic": True,
    "force_row_wise": True, "verbose": -1,
}  # fmt: skip


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
        had, visits = self.shortlist.evidence[:, :, 0] > 0, self.affinity.visits
        count = np.array([len(items) for items in self.truth], int)
        wanted = np.full((len(count), count.max(initial=0)), NOTHING, np.int64)
        wanted[np.arange(wanted.shape[1]) < count[:, None]] = np.concatenate([np.zeros(0, np.int64), *self.truth])
        is_new = ~is_among(wanted, np.split(visits.indices, visits.indptr[1:-1]))
        truth = [items[new[: len(items)]] for items, new in zip(self.truth, is_new, strict=True)]
        fresh = replace(self.shortlist, is_first=self.shortlist.is_first & ~had)
        return replace(self, shortlist=fresh, truth=truth)


@dataclass(frozen=True)
class Lessons:
    """Pairs of a query from which a ranker learns: all items taken, and a sample of those not."""

    names: list[str]
    numbers: np.ndarray  # (pairs, names) float32
    taken: np.ndarray  # (pairs,) bool
    entity: np.ndarray  # (pairs,) position in the query, ascending

    def of(self, keep: np.ndarray) -> "Lessons":
        """Those of some entities, bool (entities of the query,)."""
        mine = keep[self.entity]
        return Lessons(self.names, self.numbers[mine], self.taken[mine], self.entity[mine])


def lessons(query: Query, seed: int) -> Lessons:
    """What a query whose window is over teaches: of every entity that took an item, its pairs."""
    taken = query.taken
    learnt = np.flatnonzero(taken.any(axis=1))
    # Those taken, then the others in a random order, of which the first are kept.
    order = np.where(query.shortlist.is_first, np.random.default_rng(seed).random(taken.shape) - taken, np.inf)[learnt]
    count = taken[learnt].sum(axis=1) + NEGATIVES
    place = np.argsort(order, axis=1)[:, : int(count.max(initial=0))]
    order = np.take_along_axis(order, place, axis=1)
    chosen = (np.arange(place.shape[1]) < count[:, None]) & np.isfinite(order)
    rows = [query.numbers(learnt[part], place[part])[chosen[part]] for part in _parts(np.arange(len(learnt)))]
    rows = rows or [np.zeros((0, len(query.names)), np.float32)]
    return Lessons(query.names, np.concatenate(rows), (order < 0)[chosen], np.repeat(learnt, chosen.sum(axis=1)))


def fit_ranker(taught: Sequence[Lessons], seed: int, rounds: int = ROUNDS) -> lgb.Booster | None:
    """Learn from lessons which pairs were taken; None where too few entities took any item."""
    if sum(len(np.unique(each.entity)) for each in taught) < ENOUGH:
        return None
    rows, taken = (np.concatenate([getattr(each, name) for each in taught]) for name in ("numbers", "taken"))
    data = lgb.Dataset(rows, taken.astype(int), feature_name=taught[0].names)
    return lgb.train({**PARAMETERS, "seed": seed}, data, rounds)


def _parts(entities: np.ndarray) -> list[np.ndarray]:
    return [entities[low : low + PART] for low in range(0, len(entities), PART)]


def restore_ranker(text: str) -> lgb.Booster:
    """The ranker that `model_to_string` wrote."""
    return lgb.Booster(model_str=text)


def pair_scores(ranker: lgb.Booster, query: Query, entities: np.ndarray | None = None) -> np.ndarray:
    """Scores of all candidates, (entities, candidates); -inf for entities left out."""
    found = np.full(query.shortlist.items.shape, -np.inf)
    for part in _parts(np.arange(len(found)) if entities is None else entities):
        numbers = query.numbers(part)
        flat = np.asarray(ranker.predict(numbers.reshape(-1, numbers.shape[2]), num_threads=2))
        found[part] = flat.reshape(numbers.shape[:2])
    return found


def scores_crosswise(
    queries: Sequence[Query], taught: Sequence[Lessons], seed: int, rounds: int = ROUNDS
) -> list[np.ndarray] | None:
    """Scores by rankers that learnt from the other half of the entities; None where too few entities took any."""
    halves = [np.random.default_rng([seed, 1]).random(len(query.truth)) < 0.5 for query in queries]
    found = [np.full(query.shortlist.items.shape, -np.inf) for query in queries]
    for side in (False, True):
        ranker = fit_ranker([each.of(half == side) for each, half in zip(taught, halves, strict=True)], seed, rounds)
        if ranker is None:
            return None
        for scores, query, half in zip(found, queries, halves, strict=True):
            others = np.flatnonzero(half != side)
            scores[others] = pair_scores(ranker, query, others)[others]
    return found


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
        events = np.expm1(query.affinity.market.popularity[-1])
        shares = events[items[items >= 0]] / max(events.sum(), 1e-12)
        found.append(-np.log2(shares[shares > 0]))
    bits = np.concatenate(found)
    return float(bits.mean()) if len(bits) else 0.0


def _best(queries: Sequence[Query], scores: Sequence[np.ndarray], k: int) -> np.ndarray:
    return np.concatenate([query.shortlist.best(own, k)[0] for query, own in zip(queries, scores, strict=True)])
