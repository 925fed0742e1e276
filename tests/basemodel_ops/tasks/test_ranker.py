"""A ranker that must find the evidence that was planted, and what it learns from."""

import lightgbm as lgb
import numpy as np
import pytest

from basemodel_ops.tasks.boosted_head import MEMBERS
from basemodel_ops.tasks.ranker import NEGATIVES, Ranker, ranking_pairs, scores_crosswise
from basemodel_ops.tasks.reranking import measure_scores

from .test_reranking import queries


def test_a_ranker_finds_what_decides_and_survives_its_text() -> None:
    requested = queries(0)
    trained = [ranking_pairs(query, 0) for query in requested]
    ranker = Ranker.fit(trained, 0, rounds=20)
    assert ranker is not None
    scores = [ranker.scores(query) for query in requested]
    crosswise = scores_crosswise(requested, trained, 0, rounds=20)
    assert crosswise is not None
    chance = measure_scores(requested, [np.random.default_rng(0).random(scores[0].shape)], k=6)
    for current in (scores, crosswise):
        assert measure_scores(requested, current, k=6)["recall_20"] > 2 * chance["recall_20"]
    np.testing.assert_allclose(Ranker.restore(ranker.texts()).scores(requested[0]), scores[0])
    assert (Ranker.fit(trained, 0, rounds=20) or ranker).texts() == ranker.texts()
    assert len(set(ranker.texts())) == MEMBERS


def test_too_few_answers_fit_no_ranker() -> None:
    few = queries(1, entities=40)
    trained = [ranking_pairs(query, 0) for query in few]
    assert Ranker.fit(trained, 0) is None
    assert scores_crosswise(few, trained, 0) is None


def test_training_pairs_are_all_that_was_taken_and_some_that_was_not() -> None:
    (query,) = queries(4, entities=60)
    result = ranking_pairs(query, 0)
    assert result.taken.sum() == query.taken.sum() > 0
    for entity in np.unique(result.entity):
        chosen = result.entity == entity
        assert result.taken[chosen].sum() == query.taken[entity].sum()
        others = (query.candidates.is_first[entity] & ~query.taken[entity]).sum()
        assert (~result.taken[chosen]).sum() == min(others, NEGATIVES)
    half = np.arange(60) < 30
    both = [result.of(half), result.of(~half)]
    np.testing.assert_array_equal(np.concatenate([value.numbers for value in both]), result.numbers)


def test_scores_are_chances_by_the_mean_logit_of_items_put_forward_once() -> None:
    (query,) = queries(5)
    ranker = Ranker.fit([ranking_pairs(query, 0)], 0, rounds=5)
    assert ranker is not None
    subset = np.array([7, 3, 499])
    result = ranker.scores(query, subset)
    is_first = query.candidates.is_first
    assert not is_first.all()
    left_out = np.setdiff1d(np.arange(len(result)), subset)
    assert np.isneginf(result[left_out]).all()
    assert np.isneginf(result[~is_first]).all()
    for entity in subset:
        numbers = query.numbers(np.array([entity]))[0][is_first[entity]]
        members = [lgb.Booster(model_str=text).predict(numbers, raw_score=True) for text in ranker.texts()]
        mean = sum(np.asarray(entry) for entry in members) / len(members)
        assert result[entity][is_first[entity]] == pytest.approx(1 / (1 + np.exp(-mean)))
