"""Ways of ranking that some entities taught: what is chosen, and that the choice answers other entities."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from basemodel_ops.tasks.rankings import Rankings, blended, is_clear
from basemodel_ops.tasks.recommendation import BASELINES
from basemodel_ops.tasks.reranking import Query, best_policy, measure_scores

from .test_reranking import ITEMS, queries

METRIC = "ndcg_10"


def quality(rankings: Rankings, others: Sequence[Query], candidate: str) -> float:
    """How well other entities are answered by a way of ranking, with the weights that were chosen."""
    other = blended(others, rankings.blend)
    return measure_scores(other, rankings.scores_of(other, candidate))[METRIC]


def test_what_is_chosen_answers_others_better_and_few_fit_no_ranker() -> None:
    many, few, requested = queries(0, 500), queries(1, 40), queries(2, 300)
    plain = best_policy(requested, [query.candidates.scores(BASELINES["baseline"]) for query in requested])[1][METRIC]
    trained = Rankings.learn(many, seed=0)
    assert quality(trained, requested, trained.selected) > plain
    small = Rankings.learn(few, seed=0)
    assert small.ranker is None
    result = quality(small, requested, small.selected)
    assert 0 < result <= 1
    again = Rankings.learn(few, seed=0)
    assert quality(again, requested, again.selected) == result
    assert np.isfinite(small.weights[small.selected]).all()


def test_every_way_is_measured_and_the_best_ships() -> None:
    trained = Rankings.learn(queries(0, 500), seed=0)
    assert set(trained.metrics) == {*trained.weights, "reranked"} == set(trained.policies)
    assert trained.metrics[trained.selected][METRIC] == max(current[METRIC] for current in trained.metrics.values())


def test_weights_that_few_chose_are_worth_no_more_than_they_are_to_others() -> None:
    """What is taken is drawn without regard to anything, so that weights find nothing but chance."""
    (query,) = queries(4, 40)
    generator = np.random.default_rng(0)

    def drawn() -> list[np.ndarray]:
        return [generator.choice(ITEMS, 2, replace=False) for _ in query.truth]

    flattered, measured, later = [], [], []
    for seed in range(6):
        trained = Rankings.learn([replace(query, truth=drawn())], seed, ("keep",))
        others = [replace(query, truth=drawn()) for _ in range(20)]
        flattered.append(max(trained.tried.values()))
        measured.append(trained.metrics["blend"][METRIC])
        later.append(np.mean([quality(trained, [other], "blend") for other in others]))
    optimism = np.mean(flattered) - np.mean(later)
    assert optimism > 0
    assert abs(np.mean(measured) - np.mean(later)) < optimism / 2


def test_what_is_better_by_chance_is_not_clear() -> None:
    generator = np.random.default_rng(0)
    noise, apart = generator.normal(size=400), np.arange(400)
    gain = noise - noise.mean() + 0.12  # the error of the mean is .05
    gain[7] = np.nan
    assert is_clear(gain, apart)
    assert not is_clear(gain - 0.04, apart)
    # The same rows at four cutoffs are no more than once; the bootstrap of entities says how far they can be trusted.
    again = np.tile(gain[8:108], 4)
    error = np.std([again[:100][generator.integers(0, 100, 100)].mean() for _ in range(2_000)])
    for shift, clear in ((1.8, False), (2.2, True)):
        assert is_clear(again - again.mean() + shift * error, np.tile(np.arange(100), 4)) is clear
    assert not is_clear(np.full(3, np.nan), np.arange(3))


def test_the_baseline_ships_unless_a_candidate_is_clearly_better() -> None:
    (query,) = queries(4, 40)
    generator = np.random.default_rng(1)
    noise = [replace(query, truth=[generator.choice(ITEMS, 2, replace=False) for _ in query.truth]) for _ in range(12)]
    selected = [Rankings.learn([current], seed, ("keep",)).selected for seed, current in enumerate(noise)]
    assert selected.count("baseline") >= 8


def test_novelty_is_the_mean_surprise_of_what_is_shown() -> None:
    (query,) = queries(3, 60)
    popular = query.candidates.retrieval_scores[:, :, 1]
    events = np.expm1(query.pair_features.interactions.item_statistics.popularity[-1])
    shown = query.candidates.best(popular, 5)[0].ravel()
    expected = np.mean([-np.log2(events[item] / events.sum()) for item in shown if item >= 0])
    result = measure_scores([query], [popular], k=5)["novelty"]
    assert result == pytest.approx(expected)
    assert result < measure_scores([query], [-popular], k=5)["novelty"]
