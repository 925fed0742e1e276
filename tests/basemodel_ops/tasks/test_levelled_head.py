"""A line and trees of what it leaves, against the functions that answers were made by."""

import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.levelled_head import FOLDS, LevelledHead

ROWS = 4_000


def rows(low: float, high: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and answers that follow the first, a level, and jump where the second is positive."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(ROWS, 12)).astype(np.float32)
    features[:, 0] = generator.uniform(low, high, ROWS)
    answers = 3 * features[:, 0] + 2 * (features[:, 1] > 0) + 0.1 * generator.normal(size=ROWS)
    return features, answers


def error(head: BoostedHead, features: np.ndarray, answers: np.ndarray) -> float:
    return float(np.abs(head.predict(features) - answers).mean())


def test_it_answers_beyond_what_it_saw_and_knows_steps() -> None:
    known, beyond = rows(0, 2, 0), rows(2, 3, 1)
    levelled, boosted = LevelledHead(TaskType.REGRESSION), BoostedHead(TaskType.REGRESSION)
    for head in (levelled, boosted):
        head.fit(*known)
    assert error(boosted, *beyond) > 1.0  # trees stay at the highest level that they saw
    assert error(levelled, *beyond) < 0.4
    assert error(levelled, *rows(0, 2, 2)) < 0.3  # a line alone is off by 1 on average


@pytest.mark.parametrize("kind", [TaskType.REGRESSION, TaskType.BINARY])
def test_contributions_are_those_of_both_parts(kind: TaskType) -> None:
    features, answers = rows(0, 2, 3)
    head = LevelledHead(kind, rounds=20)
    head.fit(features, answers if kind is TaskType.REGRESSION else (answers > 4).astype(float))
    raw = head.contributions(features[:50]).sum(axis=3)[:, :, 0]  # (rows, members)
    expected = raw if kind is TaskType.REGRESSION else 1 / (1 + np.exp(-raw))
    np.testing.assert_allclose(head.predict(features[:50]), expected.mean(axis=1), atol=1e-5)
    again = LevelledHead(kind, rounds=20).restore(head.state())
    np.testing.assert_array_equal(again.predict(features), head.predict(features))


def test_rare_answers_may_all_stand_in_one_part() -> None:
    features, _ = rows(0, 2, 4)
    yes = np.zeros(ROWS)
    yes[: ROWS // FOLDS : 100] = 1
    head = LevelledHead(TaskType.BINARY, rounds=5)
    head.fit(features, yes, np.ones(ROWS))
    assert np.isfinite(head.predict(features)).all()
    assert head.predict(features).mean() == pytest.approx(yes.mean(), abs=0.01)


def test_trees_learn_from_what_a_line_of_other_rows_leaves() -> None:
    """A line of many features answers its own rows too well: trees of these remainders would learn nothing."""
    generator = np.random.default_rng(5)
    features = generator.normal(size=(600, 400)).astype(np.float32)
    answers = 2.0 * (features[:, 1] * features[:, 0] > 0) + 0.1 * generator.normal(size=600)
    head = LevelledHead(TaskType.REGRESSION, rounds=30, least=20)
    starts = []
    learn = head.learn

    def recorded(*arguments: np.ndarray) -> None:
        starts.append(arguments[3])
        learn(*arguments)

    head.learn = recorded  # type: ignore[method-assign]
    head.fit(features, answers)
    of_others = np.abs(answers - starts[0]).mean()
    assert of_others > 1.2 * np.abs(answers - head._line.predict(features)).mean()
