"""Conformal bounds: they cover as often as is asked for, by order statistics counted by hand."""

import numpy as np
import pytest

from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.tasks.intervals import GROUPS, LEAST, Interval


def amounts(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers and targets, whose errors are the larger the larger the answer."""
    generator = np.random.default_rng(seed)
    answer = generator.exponential(50, rows)
    return answer, np.maximum(answer * np.exp(generator.normal(0, 0.2 + answer / 100)), 0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_bounds_cover_as_often_as_is_asked_for_whatever_the_size(coverage: float) -> None:
    result = Interval.fit(*amounts(0, 4000), coverage)
    answer, target = amounts(1, 20_000)
    assert result.measured(answer, target)["coverage"] == pytest.approx(coverage, abs=0.02)
    for low, high in ((0, 20), (20, 60), (60, np.inf)):
        subset = (answer >= low) & (answer < high)
        assert result.measured(answer[subset], target[subset])["coverage"] == pytest.approx(coverage, abs=0.05)
    low, high = result.bounds(answer)
    assert ((low <= answer) & (answer <= high)).all()
    assert low.min() >= 0  # as no target was negative


def test_bounds_are_order_statistics_of_the_errors() -> None:
    answer, target = np.full(99, 10.0), np.arange(1.0, 100.0)
    low, high = Interval.fit(answer, target, 0.8).bounds(np.array([10.0]))
    # Of 100 equally likely places of another target, ten lie below the tenth of those seen, ten above the ninetieth.
    assert (low[0], high[0]) == pytest.approx((10, 90))


def test_few_rows_are_one_group_and_the_largest_error_bounds() -> None:
    result = Interval.fit(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.0]), 0.9)
    assert len(result.below) == 1
    assert result.above[0] == pytest.approx(signed_log1p(np.array([2.0]))[0] - signed_log1p(np.array([1.0]))[0])
    assert len(Interval.fit(*amounts(0, GROUPS * LEAST), 0.9).below) == GROUPS


def test_equal_answers_and_negative_targets() -> None:
    generator = np.random.default_rng(0)
    target = generator.normal(0, 5, 1000)
    low, high = Interval.fit(np.zeros(1000), target, 0.9).bounds(np.zeros(1))
    assert low[0] == pytest.approx(np.quantile(target, 0.05), abs=0.5)
    assert high[0] == pytest.approx(np.quantile(target, 0.95), abs=0.5)


def test_they_are_kept_as_arrays() -> None:
    result = Interval.fit(*amounts(0, 500), 0.8)
    again = Interval.from_arrays(result.arrays())
    answer, _ = amounts(2, 50)
    np.testing.assert_array_equal(again.bounds(answer), result.bounds(answer))
