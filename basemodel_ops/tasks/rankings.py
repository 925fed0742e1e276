"""All ways of ranking that entities at a few cutoffs teach, and the one that ranks them best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task
from basemodel_ops.tasks.ranker import Lessons, Ranker, lessons, scores_crosswise
from basemodel_ops.tasks.recommendation import Weights, choose_blend, ways
from basemodel_ops.tasks.reranking import (
    POLICIES,
    Query,
    best_policy,
    following,
    measure_scores,
    ndcg,
    sampled,
)

BLENDED = 4_000
"""Entities of a cutoff by which weights are chosen."""

RERANKED = "reranked"

Metrics = dict[str, dict[str, float]]


def policies_of(task: Task) -> tuple[str, ...]:
    """The policies for items already had that are tried: that which the task declares, or all."""
    return POLICIES if task.already_had is None else (str(task.already_had),)


def blended(queries: Sequence[Query], blend: Weights) -> list[Query]:
    """The queries with the score of a blend as a number of each pair, for a ranker to read."""
    return [replace(query, weights=blend) for query in queries]


@dataclass(frozen=True)
class Rankings:
    """What was learnt from queries whose window is over."""

    blend: Weights
    tried: dict[str, float]
    taught: list[Lessons]
    ranker: Ranker | None
    """None where too few entities took any item."""
    policies: dict[str, str]
    """Per way of ranking, what is done with items already had."""
    metrics: Metrics
    """Of every way on these queries; the ranker's by halves that did not see each other."""
    diversity: float

    @classmethod
    def learn(
        cls, queries: Sequence[Query], seed: int, policies: Sequence[str] = POLICIES, diversity: float = 0.0
    ) -> "Rankings":
        """Choose weights, fit a ranker and measure every way under its best policy."""
        some = sampled(queries, BLENDED, seed)
        blend, tried = choose_blend(lambda weights: ndcg(some, _scores(some, weights), policies))
        queries = blended(queries, blend)
        answers = {way: _scores(queries, weights) for way, weights in ways(blend).items()}
        taught = [lessons(query, seed) for query in queries]
        crosswise = scores_crosswise(queries, taught, seed)
        ranker = None if crosswise is None else Ranker.fit(taught, seed)
        if crosswise is not None and ranker is not None:
            answers[RERANKED] = crosswise
        found = {way: best_policy(queries, scores, policies, diversity) for way, scores in answers.items()}
        chosen = {way: policy for way, (policy, _) in found.items()}
        return cls(blend, tried, taught, ranker, chosen, {way: own for way, (_, own) in found.items()}, diversity)

    @property
    def shipped(self) -> str:
        """The way that measures best."""
        return max(self.metrics, key=lambda way: self.metrics[way]["ndcg_10"])

    @property
    def weights(self) -> dict[str, Weights]:
        """Of every way but the ranker."""
        return ways(self.blend)

    def measure(self, queries: Sequence[Query], way: str) -> dict[str, float]:
        """Metrics of a way of ranking on other queries, `blended`, under the policy that was chosen."""
        return measure_scores(queries, self._answers(queries, way))

    def named(self, queries: Sequence[Query], way: str, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The k best items of other queries, `blended`, and their scores, (entities, k) each; see `Shortlist.best`."""
        answers = self._answers(queries, way)
        return [query.shortlist.best(own, k) for query, own in zip(queries, answers, strict=True)]

    def _answers(self, queries: Sequence[Query], way: str) -> Sequence[np.ndarray]:
        if way == RERANKED and self.ranker is not None:
            scores = [self.ranker.scores(query) for query in queries]
        else:
            scores = _scores(queries, self.weights[way])
        return following(self.policies[way], queries, scores, self.diversity)


def _scores(queries: Sequence[Query], weights: Weights) -> list[np.ndarray]:
    return [query.shortlist.scores(weights) for query in queries]
