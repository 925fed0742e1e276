"""What rows without a history are told where too few of them had a label, and how both kinds are measured."""

import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.cold_start import FEW_ROWS, ColdStart, measure_by_history, report_by_history

GENERATOR = np.random.default_rng(0)
TARGETS = {
    TaskType.BINARY: GENERATOR.integers(0, 2, 90),
    TaskType.REGRESSION: GENERATOR.exponential(3, 90),
    TaskType.MULTICLASS: GENERATOR.integers(0, 3, 90),
}


def warm(cold: int) -> np.ndarray:
    return np.arange(90) >= cold


@pytest.mark.parametrize("kind", TARGETS)
def test_few_such_rows_are_told_what_is_right_on_average(kind: TaskType) -> None:
    target, is_warm = TARGETS[kind], warm(FEW_ROWS - 1)
    weight = GENERATOR.random(90) + 0.5
    answers = GENERATOR.random((90, 4) if kind is TaskType.MULTICLASS else 90)
    result = ColdStart.of(kind, target, is_warm, weight).applied(answers, is_warm)
    assert (result[is_warm] == answers[is_warm]).all()
    if kind is TaskType.MULTICLASS:
        shares = [weight[target == entry].sum() / weight.sum() for entry in range(4)]
        assert np.allclose(result[~is_warm], shares)
    else:
        assert np.allclose(result[~is_warm], (target * weight).sum() / weight.sum())


@pytest.mark.parametrize("kind", TARGETS)
def test_the_model_answers_where_it_saw_enough_of_them(kind: TaskType) -> None:
    cold = ColdStart.of(kind, TARGETS[kind], warm(FEW_ROWS), None)
    answers = GENERATOR.random(90)
    assert cold.prediction == ()
    assert (cold.applied(answers, warm(FEW_ROWS)) == answers).all()


def test_both_kinds_are_measured_by_their_own_rows() -> None:
    values = np.arange(90.0)
    apart = measure_by_history(warm(30), lambda rows: {"mean": float(values[rows].mean()), "none": float("nan")})
    assert report_by_history(apart) == {
        "has history: rows": 60, "has history: mean": 59.5, "cold start: rows": 30, "cold start: mean": 14.5,
    }  # fmt: skip
    assert measure_by_history(warm(0), lambda _: {"mean": 1.0}) == {}
    assert measure_by_history(warm(90), lambda _: {"mean": 1.0}) == {}
