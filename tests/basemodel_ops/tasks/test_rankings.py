"""Ways of ranking that some entities taught: what is chosen, and that the choice answers other entities."""

import numpy as np
import pytest

from basemodel_ops.tasks.rankings import Rankings, blended
from basemodel_ops.tasks.recommendation import BASELINES
from basemodel_ops.tasks.reranking import best_policy, measure_scores

from .test_reranking import queries

METRIC = "ndcg_10"


def test_what_is_chosen_answers_others_better_and_few_fit_no_ranker() -> None:
    many, few, asked = queries(0, 500), queries(1, 40), queries(2, 300)
    plain = best_policy(asked, [query.candidates.scores(BASELINES["baseline"]) for query in asked])[1][METRIC]
    trained = Rankings.learn(many, seed=0)
    assert trained.measure(blended(asked, trained.blend), trained.selected)[METRIC] > plain
    small = Rankings.learn(few, seed=0)
    assert small.ranker is None
    found = small.measure(blended(asked, small.blend), small.selected)[METRIC]
    assert 0 < found <= 1
    again = Rankings.learn(few, seed=0)
    assert again.measure(blended(asked, again.blend), again.selected)[METRIC] == found
    assert np.isfinite(small.weights[small.selected]).all()


def test_every_way_is_measured_and_the_best_ships() -> None:
    trained = Rankings.learn(queries(0, 500), seed=0)
    assert set(trained.metrics) == {*trained.weights, "reranked"} == set(trained.policies)
    assert trained.metrics[trained.selected][METRIC] == max(own[METRIC] for own in trained.metrics.values())


def test_novelty_is_the_mean_surprise_of_what_is_shown() -> None:
    (query,) = queries(3, 60)
    popular = query.candidates.retrieval_scores[:, :, 1]
    events = np.expm1(query.pair_features.interactions.item_statistics.popularity[-1])
    shown = query.candidates.best(popular, 5)[0].ravel()
    expected = np.mean([-np.log2(events[item] / events.sum()) for item in shown if item >= 0])
    found = measure_scores([query], [popular], k=5)["novelty"]
    assert found == pytest.approx(expected)
    assert found < measure_scores([query], [-popular], k=5)["novelty"]
