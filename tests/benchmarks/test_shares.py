"""Rankers learnt from few entities: what is chosen, and that the choice answers other entities."""

import numpy as np

from basemodel_ops.tasks.recommendation import BASELINES
from basemodel_ops.tasks.reranking import best_policy
from benchmarks.quality.shares import METRIC, Ranking
from tests.basemodel_ops.tasks.test_reranking import queries


def test_what_is_chosen_answers_others_better_and_few_fit_no_ranker() -> None:
    many, few, asked = queries(0, 500), queries(1, 40), queries(2, 300)
    plain = best_policy(asked, [query.shortlist.scores(BASELINES["baseline"]) for query in asked])[1][METRIC]
    learnt = Ranking.learn(many, seed=0)
    assert learnt.measure(asked) > plain
    small = Ranking.learn(few, seed=0)
    assert small.ranker is None
    assert 0 < small.measure(asked) <= 1
    assert Ranking.learn(few, seed=0).measure(asked) == small.measure(asked)
    assert np.isfinite(small.weights).all()
