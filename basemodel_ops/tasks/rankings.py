"""All ways of ranking that entities at a few cutoffs teach, and the one that ranks them best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task
from basemodel_ops.tasks.influence import mean_moved, standard_error
from basemodel_ops.tasks.metrics import Metrics
from basemodel_ops.tasks.ranker import Ranker, RankingPairs, ranking_pairs, scores_crosswise
from basemodel_ops.tasks.recommendation import Weights, candidate_weights, choose_blend
from basemodel_ops.tasks.reranking import (
    POLICIES,
    Query,
    apply_policy,
    best_policy,
    entities,
    entities_of,
    halves,
    ndcg,
    ndcg_by_row,
    sampled,
)

BLENDED = 4_000
"""Entities of a cutoff by which weights are chosen."""

FEW_TAKING = 1_000
"""Entities that took an item below which weights are measured by halves that did not see each other, as a ranker is:
of dozens of weights that are tried, the best are the best by chance where few measure them."""

RERANKED, BASELINE = "reranked", "baseline"


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
    training_pairs: list[RankingPairs]
    ranker: Ranker | None
    """None where too few entities took any item."""
    policies: dict[str, str]
    """Per way of ranking, what is done with items already had."""
    metrics: Metrics
    """Of every way on these queries; the ranker's by halves that did not see each other."""
    diversity: float
    selected: str
    """The way that measures best, or the baseline where none is better by two errors of the difference."""

    @classmethod
    def learn(
        cls, queries: Sequence[Query], seed: int, policies: Sequence[str] = POLICIES, diversity: float = 0.0
    ) -> "Rankings":
        """Choose weights, fit a ranker and measure every way under its best policy."""
        blend_queries = sampled(queries, BLENDED, seed)
        blend, tried = choose_blend(lambda weights: ndcg(blend_queries, _scores(blend_queries, weights), policies))
        apart = _blend_crosswise(queries, seed, policies)
        queries = blended(queries, blend)
        predictions = {candidate: _scores(queries, weights) for candidate, weights in candidate_weights(blend).items()}
        if apart is not None:
            predictions["blend"] = apart
        training_pairs = [ranking_pairs(query, seed) for query in queries]
        crosswise = scores_crosswise(queries, training_pairs, seed)
        ranker = None if crosswise is None else Ranker.fit(training_pairs, seed)
        if crosswise is not None and ranker is not None:
            predictions[RERANKED] = crosswise
        results = {
            candidate: best_policy(queries, scores, policies, diversity) for candidate, scores in predictions.items()
        }
        chosen = {candidate: policy for candidate, (policy, _) in results.items()}
        selected = max(results, key=lambda candidate: results[candidate][1]["ndcg_10"])
        first, baseline = (
            ndcg_by_row(queries, apply_policy(chosen[candidate], queries, predictions[candidate], diversity))
            for candidate in (selected, BASELINE)
        )
        if not is_clear(first - baseline, np.concatenate(entities(queries))):
            selected = BASELINE
        return cls(
            blend,
            tried,
            training_pairs,
            ranker,
            chosen,
            {candidate: metrics for candidate, (_, metrics) in results.items()},
            diversity,
            selected,
        )

    @property
    def weights(self) -> dict[str, Weights]:
        """Of every way but the ranker."""
        return candidate_weights(self.blend)

    def scores_of(self, queries: Sequence[Query], candidate: str) -> Sequence[np.ndarray]:
        """Scores of a way of ranking for other queries, `blended`, under the policy that was chosen, (entities,
        candidates) each."""
        if candidate == RERANKED and self.ranker is not None:
            scores = [self.ranker.scores(query) for query in queries]
        else:
            scores = _scores(queries, self.weights[candidate])
        return apply_policy(self.policies[candidate], queries, scores, self.diversity)


def is_clear(difference: np.ndarray, entity_index: np.ndarray) -> bool:
    """Whether differences of rows are above 0 on average by two standard errors; nan where there is none."""
    known = difference[np.isfinite(difference)]
    return len(known) > 0 and bool(known.mean() > 2 * standard_error(mean_moved(difference), entity_index))


def _blend_crosswise(queries: Sequence[Query], seed: int, policies: Sequence[str]) -> list[np.ndarray] | None:
    """Scores of a blend whose weights the other half of the entities chose; None where enough took an item."""
    if sum(len(items) > 0 for query in queries for items in query.truth) >= FEW_TAKING:
        return None
    query_halves = halves(queries, seed)
    scores = [np.zeros(query.candidates.items.shape, np.float32) for query in queries]
    for side in (False, True):
        others = [np.flatnonzero(half != side) for half in query_halves]
        teaching = [
            entities_of(query, np.flatnonzero(half == side)) for query, half in zip(queries, query_halves, strict=True)
        ]
        blend, _ = choose_blend(lambda weights, t=teaching: ndcg(t, _scores(t, weights), policies))
        for query_scores, query, rows in zip(scores, queries, others, strict=True):
            query_scores[rows] = query.candidates.scores(blend)[rows]
    return scores


def _scores(queries: Sequence[Query], weights: Weights) -> list[np.ndarray]:
    return [query.candidates.scores(weights) for query in queries]
