"""Moments at which heads are compared: each later than all that is learnt from."""

from itertools import pairwise

import numpy as np
import pytest

from basemodel_ops.tasks.moments import MOMENTS, moments


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_moments_learn_from_what_was_known_when_they_begin(horizon: int) -> None:
    cutoff = np.repeat(np.arange(60), 5)
    part = np.where(cutoff < 40, "train", "gap").astype("<U10")
    part[(cutoff == 40 + horizon) | (cutoff == 41 + horizon)] = "validation"
    found = moments(cutoff, part, horizon, horizon, 0)
    assert len(found) == MOMENTS
    assert (part[found[0][1]] == "validation").all()
    for _, measured in found[1:]:
        assert (part[measured] == "train").all()
        assert len(np.unique(cutoff[measured])) == 2
    for learnt, measured in found:
        assert cutoff[learnt].max() + horizon <= cutoff[measured].min()
        assert (part[learnt] == "train").all()
    for (_, newer), (_, older) in pairwise(found):
        assert cutoff[older].max() + horizon <= cutoff[newer].min()


def test_a_short_grid_has_fewer_moments() -> None:
    cutoff = np.repeat(np.arange(6), 5)
    part = np.array(["train"] * 4 + ["validation", "validation"])[cutoff]
    assert len(moments(cutoff, part, 3, 3, 0)) == 1


def test_moments_of_traits_are_random_parts_of_the_same_sizes() -> None:
    part = np.where(np.arange(100) < 80, "train", np.where(np.arange(100) < 90, "validation", "test"))
    found = moments(np.zeros(100, int), part, None, 0, 0)
    assert len({tuple(measured) for _, measured in found}) == len(found) == MOMENTS
    for learnt, measured in found:
        assert len(learnt) == 80
        assert len(measured) == 10
        assert sorted([*learnt, *measured]) == list(range(90))


def test_moments_of_their_own_are_compared_over_as_long_a_time_as_validation() -> None:
    generator = np.random.default_rng(0)
    cutoff = np.sort(generator.integers(0, 1000, 2000))
    known = cutoff + generator.integers(1, 120, 2000)
    part = np.where(known <= 800, "train", np.where(cutoff >= 800, "validation", "gap")).astype("<U10")
    found = moments(cutoff, part, 0, 0, 0, known=known)
    assert len(found) == MOMENTS
    length = cutoff.max() + 1 - 800
    begin = 800
    for learnt, measured in found:
        assert (known[learnt] <= begin).all()
        assert (cutoff[measured] >= begin).all()
        assert cutoff[measured].max() < begin + length
        begin -= length
    for learnt, measured in found[1:]:
        assert (part[learnt] == "train").all()
        assert (part[measured] == "train").all()
