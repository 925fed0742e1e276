"""A boosted head is the mean of models that differ by what they drew, before and after it is saved."""

import lightgbm as lgb
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.boosted_head import MEMBERS, BoostedHead
from basemodel_ops.tasks.heads import LinearHead, TermHead


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


def of_terms(seed: int, entities: int, items: int = 3000, had: int = 30) -> tuple[csr_array, np.ndarray]:
    """Who had which items: a hundred of them in the tail tell the class, and the head of it nothing."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, entities)
    chance = np.tile(1 / (1 + np.arange(items)), (2, 1))
    chance[0, 500:550] *= 6
    chance[1, 550:600] *= 6
    chance /= chance.sum(axis=1, keepdims=True)
    counts = np.stack([generator.multinomial(had, chance[entry]) for entry in target])
    return csr_array(np.log1p(counts).astype(np.float32)), target.astype(float)


def test_what_is_rare_tells_a_class_where_what_is_frequent_does_not() -> None:
    head = TermHead(TaskType.BINARY)
    head.fit(*of_terms(0, 1500))
    counts, target = of_terms(1, 1500)
    assert roc_auc_score(target, head.predict(counts)) > 0.65
    known, answers = of_terms(0, 1500)
    frequent = LinearHead(TaskType.BINARY)
    frequent.fit(np.asarray(known.todense())[:, :128], answers)
    assert roc_auc_score(target, frequent.predict(np.asarray(counts.todense())[:, :128])) < 0.55


def test_terms_are_weighed_by_their_rarity_in_rows_of_length_one() -> None:
    counts, target = of_terms(2, 200, items=40)
    head = TermHead(TaskType.REGRESSION)
    head.fit(counts, target)
    dense = np.asarray(counts.todense())
    rows = (dense > 0).sum(axis=0)
    dense = dense * np.where(rows > 1, np.log(200 / np.maximum(rows, 1)), 0)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    line = Ridge(alpha=100 / TermHead.STRENGTH).fit(dense, target)
    np.testing.assert_allclose(head.predict(counts), line.predict(dense), atol=1e-3)


def test_a_row_without_terms_is_answered_and_a_saved_head_answers_the_same() -> None:
    counts, target = of_terms(3, 300)
    head = TermHead(TaskType.MULTICLASS)
    head.fit(counts, target)
    none = csr_array((2, 3000), dtype=np.float32)
    answer = head.predict(none)
    assert np.isfinite(answer).all()
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    again = TermHead(TaskType.MULTICLASS).restore(head.state())
    np.testing.assert_array_equal(again.predict(counts), head.predict(counts))
