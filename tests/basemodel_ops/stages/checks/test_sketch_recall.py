"""What is decoded as largest is right where it is as large as what is, but for what fades within a day."""

import numpy as np
import pytest

from basemodel_ops.stages.checks.sketch_recall import TOP, top_precision


def test_only_the_largest_are_right() -> None:
    truth = np.concatenate([np.arange(2 * TOP, 0.0, -1), np.zeros(80)])
    assert top_precision(truth, truth) == 1.0
    assert top_precision(truth[::-1].copy(), truth) == 0.0
    half = truth.copy()
    half[: TOP // 2] = 0.0  # half of the largest are missed, and others take their place
    assert top_precision(half, truth) == pytest.approx(0.5)


def test_values_of_one_day_are_as_good_as_each_other() -> None:
    rng = np.random.default_rng(0)
    truth = np.concatenate([1 - 0.02 * rng.random(100), np.zeros(900)])
    decoded = np.concatenate([rng.random(100), np.zeros(900)])
    assert top_precision(decoded, truth) == 1.0
    assert top_precision(decoded[::-1].copy(), truth) == 0.0


def test_as_many_are_asked_for_as_there_are() -> None:
    truth = np.array([0.0, 3.0, 1.0, 0.0])
    assert top_precision(np.array([0.0, 1.0, 0.9, 0.0]), truth) == 1.0
    assert top_precision(np.array([1.0, 0.9, 0.0, 0.0]), truth) == 0.5
