"""A ranker of shortlists that learns, from what entities took next, which evidence to trust: gradient boosting."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np
from scipy.special import expit

from basemodel_ops.boosting.forest import Forest
from basemodel_ops.boosting.parameters import SHARED
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.tasks.boosted_head import learn_members
from basemodel_ops.tasks.reranking import Query, halves

PART = 128
"""Entities whose pairs are laid out at once."""

NEGATIVES = 30
"""Items not taken that are learnt from, per entity."""

ENOUGH = 200
"""Entities with an item taken that a ranker needs to be fitted at all."""

ROUNDS = 50
PARAMETERS = {
    **SHARED, "objective": "binary", "learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 50,
    "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.7, "lambda_l2": 20.0, "num_threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class RankingPairs:
    """Pairs of a query from which a ranker learns: all items taken, and a sample of those not."""

    names: list[str]
    numbers: np.ndarray  # (pairs, names) float32
    taken: np.ndarray  # (pairs,) bool
    entity: np.ndarray  # (pairs,) position in the query, ascending

    def of(self, keep: np.ndarray) -> "RankingPairs":
        """Those of some entities, bool (entities of the query,)."""
        chosen_keep = keep[self.entity]
        return RankingPairs(self.names, self.numbers[chosen_keep], self.taken[chosen_keep], self.entity[chosen_keep])


def ranking_pairs(query: Query, seed: int) -> RankingPairs:
    """What a query whose window is over teaches: of every entity that took an item, its pairs."""
    taken = query.taken
    taking = np.flatnonzero(taken.any(axis=1))
    # Those taken, then the others in a random order, of which the first are kept.
    order = np.where(query.candidates.is_first, np.random.default_rng(seed).random(taken.shape) - taken, np.inf)[taking]
    count = taken[taking].sum(axis=1) + NEGATIVES
    candidate_index = np.argsort(order, axis=1)[:, : int(count.max(initial=0))]
    order = np.take_along_axis(order, candidate_index, axis=1)
    chosen = (np.arange(candidate_index.shape[1]) < count[:, None]) & np.isfinite(order)
    rows = [query.numbers(taking[part], candidate_index[part])[chosen[part]] for part in _parts(np.arange(len(taking)))]
    rows = rows or [np.zeros((0, len(query.names)), np.float32)]
    return RankingPairs(query.names, np.concatenate(rows), (order < 0)[chosen], np.repeat(taking, chosen.sum(axis=1)))


@dataclass(frozen=True)
class Ranker:
    """Boosted models of whether a pair is taken, which draw pairs and numbers apart."""

    boosters: list[lgb.Booster]

    @classmethod
    def fit(cls, training_pairs: Sequence[RankingPairs], seed: int, rounds: int = ROUNDS) -> "Ranker | None":
        """Learn from lessons which pairs were taken; None where too few entities took any item."""
        if sum(len(np.unique(ranking_pairs.entity)) for ranking_pairs in training_pairs) < ENOUGH:
            return None
        rows, taken = (
            np.concatenate([getattr(ranking_pairs, name) for ranking_pairs in training_pairs])
            for name in ("numbers", "taken")
        )

        return cls(learn_members(PARAMETERS, rows, taken.astype(int), rounds, seed, training_pairs[0].names))

    def scores(self, query: Query, entities: np.ndarray | None = None) -> np.ndarray:
        """Chance of all candidates to be taken, (entities, candidates): by the mean of the models' logits.

        -inf for entities left out, and for the second place of an item that is put forward twice.
        """
        result, forest = np.full(query.candidates.items.shape, -np.inf), self._forest

        def work(part: np.ndarray) -> np.ndarray:
            is_first = query.candidates.is_first[part]
            count = is_first.sum(axis=1)
            # About half of what is put forward is put forward twice: the numbers of a pair are made once.
            index = np.argsort(~is_first, axis=1, kind="stable")[:, : int(count.max(initial=0))]
            numbers = query.numbers(part, index)[np.arange(index.shape[1]) < count[:, None]]
            chances = np.full(is_first.shape, -np.inf)
            chances[is_first] = expit(forest.raw_scores(numbers).mean(axis=1))
            return chances

        parts = _parts(np.arange(len(result)) if entities is None else entities)
        for part, chances in zip(parts, parallel_map(work, parts), strict=True):
            result[part] = chances
        return result

    def contributions(self, numbers: np.ndarray) -> np.ndarray:
        """Exact Shapley values of the numbers of pairs (pairs, names) in the mean logit, (pairs, names + 1).

        The last is what the trees say on average; all together are the logit.
        """
        contributions = [
            np.asarray(booster.predict(numbers, pred_contrib=True, num_threads=1)) for booster in self.boosters
        ]
        return np.mean(contributions, axis=0)

    @cached_property
    def _forest(self) -> Forest:
        return Forest.of(self.boosters)

    def texts(self) -> list[str]:
        """The models as text."""
        return [booster.model_to_string() for booster in self.boosters]

    @classmethod
    def restore(cls, texts: Sequence[str]) -> "Ranker":
        """The inverse of `texts`."""
        return cls([lgb.Booster(model_str=text) for text in texts])


def _parts(entities: np.ndarray) -> list[np.ndarray]:
    return [entities[low : low + PART] for low in range(0, len(entities), PART)]


def scores_crosswise(
    queries: Sequence[Query], training_pairs: Sequence[RankingPairs], seed: int, rounds: int = ROUNDS
) -> list[np.ndarray] | None:
    """Scores by rankers that learnt from the other half of the entities; None where too few entities took any."""
    query_halves = halves(queries, seed)
    results = [np.full(query.candidates.items.shape, -np.inf) for query in queries]
    for side in (False, True):
        ranker = Ranker.fit(
            [ranking_pairs.of(half == side) for ranking_pairs, half in zip(training_pairs, query_halves, strict=True)],
            seed,
            rounds,
        )
        if ranker is None:
            return None
        for scores, query, half in zip(results, queries, query_halves, strict=True):
            others = np.flatnonzero(half != side)
            scores[others] = ranker.scores(query, others)[others]
    return results
