"""Moments at which heads are compared: each later than all that is learnt from."""

from itertools import pairwise

import numpy as np
import pytest

from basemodel_ops.tasks.rolling_origins import LEAST_MEASURED, ORIGINS, WEEK, rolling_origins


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_moments_learn_from_what_was_known_when_they_begin(horizon: int) -> None:
    cutoff = np.repeat(np.arange(60), 5)
    part = np.where(cutoff < 40, "train", "embargo").astype("<U10")
    part[(cutoff == 40 + horizon) | (cutoff == 41 + horizon)] = "validation"
    result = rolling_origins(cutoff, part, horizon, horizon, 0)
    assert len(result) == ORIGINS
    assert (part[result[0][1]] == "validation").all()
    for _, measured in result[1:]:
        assert (part[measured] == "train").all()
        assert len(np.unique(cutoff[measured])) == WEEK
    for trained, measured in result:
        assert cutoff[trained].max() + horizon <= cutoff[measured].min()
        assert (part[trained] == "train").all()
    for (_, newer), (_, older) in pairwise(result):
        assert cutoff[older].max() + horizon <= cutoff[newer].min()


def test_moments_of_a_weekly_grid_are_as_wide_as_validation() -> None:
    cutoff = np.repeat(np.arange(40), 5) * 7
    part = np.where(cutoff < 210, "train", "embargo").astype("<U10")
    part[np.isin(cutoff, (217, 224, 231))] = "validation"
    result = rolling_origins(cutoff, part, 7, 7, 0)
    assert [len(np.unique(cutoff[measured])) for _, measured in result] == [3] * ORIGINS


def test_moments_of_a_long_grid_with_few_rows_each_are_as_wide_as_it_takes() -> None:
    cutoff = np.repeat(np.arange(1000), 20)
    part = np.where(cutoff < 900, "train", np.where(cutoff < 902, "validation", "test"))
    result = rolling_origins(cutoff, part, 1, 1, 0)
    assert [len(measured) for _, measured in result] == [40, LEAST_MEASURED, LEAST_MEASURED]


def test_moments_of_few_rows_take_no_more_than_a_tenth_of_the_time() -> None:
    cutoff = np.repeat(np.arange(100), 5)
    part = np.where(cutoff < 90, "train", np.where(cutoff < 92, "validation", "test"))
    result = rolling_origins(cutoff, part, 1, 1, 0)
    assert [len(np.unique(cutoff[measured])) for _, measured in result[1:]] == [9, 8]


def test_a_short_grid_has_fewer_moments() -> None:
    cutoff = np.repeat(np.arange(6), 5)
    part = np.array(["train"] * 4 + ["validation", "validation"])[cutoff]
    assert len(rolling_origins(cutoff, part, 3, 3, 0)) == 1


def test_moments_of_traits_are_random_parts_of_the_same_sizes() -> None:
    part = np.where(np.arange(100) < 80, "train", np.where(np.arange(100) < 90, "validation", "test"))
    result = rolling_origins(np.zeros(100, int), part, None, 0, 0)
    assert len({tuple(measured) for _, measured in result}) == len(result) == ORIGINS
    for trained, measured in result:
        assert len(trained) == 80
        assert len(measured) == 10
        assert sorted([*trained, *measured]) == list(range(90))


def test_moments_of_their_own_are_compared_over_as_long_a_time_as_validation() -> None:
    generator = np.random.default_rng(0)
    cutoff = np.sort(generator.integers(0, 1000, 2000))
    known = cutoff + generator.integers(1, 120, 2000)
    part = np.where(known <= 800, "train", np.where(cutoff >= 800, "validation", "embargo")).astype("<U10")
    result = rolling_origins(cutoff, part, 0, 0, 0, known=known)
    assert len(result) == ORIGINS
    length = cutoff.max() + 1 - 800
    begin = 800
    for trained, measured in result:
        assert (known[trained] <= begin).all()
        assert (cutoff[measured] >= begin).all()
        assert cutoff[measured].max() < begin + length
        begin -= length
    for trained, _ in result[1:]:
        assert (part[trained] == "train").all()


def test_earlier_moments_of_their_own_hold_labels_that_took_long() -> None:
    cutoff = np.arange(1000)
    known = cutoff + np.where(cutoff % 10 == 0, 150, 1)
    part = np.where(known <= 700, "train", np.where(cutoff >= 900, "test", "embargo")).astype("<U10")
    part[(cutoff >= 700) & (known <= 900)] = "validation"
    result = rolling_origins(cutoff, part, 0, 0, 0, known=known)
    for number, (_, measured) in enumerate(result):
        begin, end = cutoff[measured].min(), cutoff[measured].max()
        took_long = (known - cutoff)[measured] > 1
        # Of the newest moment those of its last 150 are not known when the test begins, of earlier ones all are.
        expected = 0.1 if number else ((end - begin) - 150) / (end - begin) / 10
        assert took_long.mean() == pytest.approx(expected, abs=0.01)


def test_moments_of_their_own_are_compared_by_enough_rows() -> None:
    cutoff = np.arange(40_000)
    part = np.where(cutoff < 39_000, "train", np.where(cutoff < 39_100, "validation", "test"))
    result = rolling_origins(cutoff, part, 0, 0, 0, known=cutoff + 1)
    assert [len(measured) for _, measured in result] == [100, LEAST_MEASURED, LEAST_MEASURED]
