"""How sure a difference between answers is, and metrics over moments."""

import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.blending import Trial
from basemodel_ops.tasks.comparison import difference_error, mean_metrics


def trial_of(target: np.ndarray, entity_index: np.ndarray, **answers: np.ndarray) -> Trial:
    return Trial(answers, target, entity_index)


def test_repeated_rows_of_an_owner_say_no_more_than_one() -> None:
    """The error by owners is that of the rows told once; rows told four times by themselves look twice as sure."""
    generator = np.random.default_rng(5)
    target = (generator.random(200) < 0.4).astype(float)
    entry, other = (np.clip(0.3 * target + generator.random(200) * 0.7, 0, 1) for _ in range(2))

    def error(entity_index: np.ndarray, times: int) -> float:
        values = (np.repeat(value, times) for value in (target, entry, other))
        result = dict(zip(("target", "one", "other"), values, strict=True))
        return difference_error(
            TaskType.BINARY, "auroc", [trial_of(entity_index=entity_index, **result)], ("one", "other"), 0
        )

    once = error(np.arange(200), 1)
    assert error(np.repeat(np.arange(200), 4), 4) == pytest.approx(once)
    assert error(np.arange(800), 4) < 0.7 * once


def test_what_moves_between_moments_counts_as_error() -> None:
    """Better by .2 at one moment and worse by as much at the next: over both, no difference, and not a sure one."""
    generator = np.random.default_rng(0)
    target = (generator.random(4000) < 0.5).astype(float)
    good, bad = target + generator.normal(0, 1, 4000), target + generator.normal(0, 3, 4000)
    entity_index = np.arange(4000)
    alike = [trial_of(target, entity_index, one=good, other=bad), trial_of(target, entity_index, one=good, other=bad)]
    turned = [alike[0], trial_of(target, entity_index, one=bad, other=good)]
    errors = [difference_error(TaskType.BINARY, "auroc", trials, ("one", "other"), 0) for trials in (alike, turned)]
    assert errors[1] > 5 * errors[0]


def test_draws_that_cannot_be_measured_are_left_out() -> None:
    """One row in 300 is treated: a draw in three has none, and no Qini coefficient."""
    generator = np.random.default_rng(6)
    target = (generator.random(300) < 0.4).astype(float)
    target[0] = 3.0
    entry, other = generator.random(300), generator.random(300)
    error = difference_error(
        TaskType.UPLIFT, "qini", [trial_of(target, np.arange(300), one=entry, other=other)], ("one", "other"), 0
    )
    assert 0 < error < float("inf")
    target[0] = 1.0
    alone = trial_of(target, np.arange(300), one=entry, other=other)
    assert difference_error(TaskType.UPLIFT, "qini", [alone], ("one", "other"), 0) == float("inf")


def test_a_moment_that_cannot_be_measured_leaves_the_mean_of_the_others() -> None:
    score = np.linspace(0, 1, 50)
    known = trial_of((score > 0.4).astype(float), np.arange(50), one=score)
    alike = trial_of(np.ones(50), np.arange(50), one=score)
    assert mean_metrics(TaskType.BINARY, [known, alike])["one"]["auroc"] == 1
    assert np.isnan(mean_metrics(TaskType.BINARY, [alike])["one"]["auroc"])
