"""A line and trees of what it leaves, against the functions that answers were made by."""

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.levelled_head import LevelledHead

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


def test_contributions_are_those_of_both_parts() -> None:
    features, answers = rows(0, 2, 3)
    head = LevelledHead(TaskType.REGRESSION, rounds=20)
    head.fit(features, answers, np.ones(ROWS))
    raw = head.contributions(features[:50]).sum(axis=3)[:, :, 0]  # (rows, members)
    np.testing.assert_allclose(head.predict(features[:50]), raw.mean(axis=1), atol=1e-5)
    again = LevelledHead(TaskType.REGRESSION, rounds=20).restore(head.state())
    np.testing.assert_array_equal(again.predict(features), head.predict(features))


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
