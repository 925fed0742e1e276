"""A boosted head is the mean of models that differ by what they drew, before and after it is saved."""

import lightgbm as lgb
import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.heads import MEMBERS, BoostedHead


def rows(kind: TaskType) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    features = generator.standard_normal((600, 6)).astype(np.float32)
    amount = features[:, 0] + 0.5 * features[:, 1] + generator.standard_normal(600)
    if kind is TaskType.MULTICLASS:
        return features, np.digitize(amount, [-0.5, 0.5])
    return features, amount if kind is TaskType.REGRESSION else (amount > 0).astype(float)


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS])
def test_a_boosted_head_answers_the_mean_of_its_members(kind: TaskType) -> None:
    features, target = rows(kind)
    head = BoostedHead(kind, rounds=20, least=20)
    head.fit(features, target)
    answer = head.predict(features)
    texts = head.state()[1]
    members = [np.asarray(lgb.Booster(model_str=text).predict(features)) for text in texts.values()]
    assert len(members) == MEMBERS
    assert not np.array_equal(members[0], members[1])
    np.testing.assert_allclose(answer, np.mean(members, axis=0))
    np.testing.assert_array_equal(BoostedHead(kind).restore(head.state()).predict(features), answer)


def test_the_same_seed_gives_the_same_answers_and_another_does_not() -> None:
    features, target = rows(TaskType.BINARY)
    answers = []
    for seed in (3, 3, 4):
        head = BoostedHead(TaskType.BINARY, rounds=20, seed=seed, least=20)
        head.fit(features, target)
        answers.append(head.predict(features))
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_a_head_that_was_not_fitted_says_so() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        BoostedHead(TaskType.BINARY).predict(np.zeros((1, 2), np.float32))
