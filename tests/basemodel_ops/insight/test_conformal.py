"""Chances by rank: uniform whatever scores look like, and drawn on beyond the largest of them."""

import numpy as np
import pytest
from scipy.stats import kstest

from basemodel_ops.insight.conformal import LEAST_CONTEMPORARIES, ContemporaryRanks, Ranks, combined, p_values


@pytest.mark.parametrize("seed", range(5))
def test_p_values_of_scores_like_those_of_the_past_are_uniform(seed: int) -> None:
    draw = np.random.default_rng(seed)
    # Heavy-tailed, with half of the scores tied.
    scores = np.maximum(draw.standard_t(2, 42_000), 0.0)
    past, now = np.sort(scores[:40_000]), scores[40_000:]
    p = p_values(past, now, draw.random(2000))
    assert kstest(p, "uniform").pvalue > 0.01
    assert 1 / 40_001 <= p.min() <= p.max() <= 1


def test_a_larger_score_has_no_larger_p_value() -> None:
    draw = np.random.default_rng(0)
    past, scores = np.sort(draw.normal(size=200).round(1)), np.sort(draw.normal(size=100).round(1))
    p = p_values(past, scores, np.full(100, 0.5))
    assert (np.diff(p) <= 0).all()
    # One of four is larger, one is the same: (1 + 1 + .5) / 5.
    assert p_values(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0]), np.array([0.5])) == pytest.approx([0.5])


def test_chances_are_shares_of_like_rows_and_fall_beyond_them() -> None:
    draw = np.random.default_rng(1)
    similar = np.repeat([0.0, 1.0], 2000)
    score = draw.exponential(1 + 9 * similar)
    ranks = Ranks.of(score, similar)
    for height, scale in ((0.0, 1.0), (1.0, 10.0)):
        requested = scale * np.array([0.5, 1.0, 2.0, 12.0])
        result = ranks.chances(requested, np.full(4, height))
        assert (np.abs(np.log(result) + requested / scale) < [0.1, 0.15, 0.25, 2.5]).all()
    assert np.isnan(ranks.chances(np.array([np.nan]), np.zeros(1))).all()


def test_what_is_odd_of_many_at_once_is_odd_of_nobody() -> None:
    draw = np.random.default_rng(2)
    past, now, half = draw.exponential(size=4000), draw.exponential(size=1000), draw.integers(0, 2, 1000)
    now[:300] += 20  # a campaign reaches three in ten
    now[300] = 60
    flat = np.zeros(1000)
    chances = Ranks.of(past, np.zeros(4000)).chances(now, flat)
    others_chance = ContemporaryRanks.of(now, flat, half).chances(now, flat, half)
    assert chances[:301].max() < 1e-6
    assert others_chance[:300].min() > 1e-3
    assert others_chance[300] < others_chance[:300].min()
    for number in (0, 1):  # each is ranked among the others: the share that is at least as large
        current, others = now[half == number], now[half != number]
        middle = np.median(current)
        at = np.flatnonzero((half == number) & (now == current[np.argmin(np.abs(current - middle))]))[0]
        assert others_chance[at] == pytest.approx((others >= now[at]).mean(), abs=0.01)


def test_below_the_least_rows_of_the_other_half_the_chance_is_zero() -> None:
    score, half = (
        np.append(np.arange(2.0 * LEAST_CONTEMPORARIES - 2), np.nan),
        np.append(np.arange(2 * LEAST_CONTEMPORARIES - 2) % 2, 0),
    )
    result = ContemporaryRanks.of(score, np.zeros(len(score)), half).chances(score, np.zeros(len(score)), half)
    assert (result[:-1] == 0).all()
    assert np.isnan(result[-1])


def test_what_always_happens_has_an_even_chance() -> None:
    score = np.append(np.zeros(9000), np.linspace(1, 2, 1000))
    result = Ranks.of(score, np.zeros(10_000)).chances(np.array([0.0, 1.0]), np.zeros(2))
    np.testing.assert_allclose(result, [0.1 + 0.9 / 2, 0.1], atol=0.01)


def test_windows_of_few_lines_are_as_odd_in_the_middle_as_those_of_many() -> None:
    draw = np.random.default_rng(0)
    middles = [np.median(combined(draw.random((20_000, lines)))) for lines in (1, 2, 4, 8, 15, 30)]
    assert max(middles) - min(middles) < 0.2


def test_nothing_of_the_past_says_nothing() -> None:
    assert Ranks.of(np.zeros(0), np.zeros(0)).chances(np.array([3.0, np.nan]), np.zeros(2))[0] == 1
    assert p_values(np.zeros(0), np.array([1.0]), np.array([0.5])) == [1.0]


def test_one_small_chance_is_odder_than_many_middling_ones_and_two_than_one() -> None:
    typical, entry, two = combined(np.array([[0.4, 0.4, 0.4], [1e-4, 0.4, 0.4], [1e-4, 1e-4, 0.4]]))
    assert typical < entry < two
    np.testing.assert_allclose(combined(np.array([[0.1, np.nan]])), 2 * np.log(10))
    assert combined(np.array([[np.nan, np.nan]])) == 0
