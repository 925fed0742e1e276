"""Shapley values of trees: by all coalitions of a tiny forest, and what they sum to behind links and calibration."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.encoders.numbers import signed_expm1
from basemodel_ops.tasks.attribution import attributed
from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.single import Mixture, fit_heads

ROWS, FEATURES = 400, 4


def expected(node: Mapping, row: np.ndarray, known: frozenset[int]) -> float:
    """What a tree says on average of rows that are like this one in the features that are known."""
    if "leaf_value" in node:
        return node["leaf_value"]
    halves = [node["left_child"], node["right_child"]]
    if node["split_feature"] in known:
        return expected(halves[int(row[node["split_feature"]] > node["threshold"])], row, known)
    counts = [side.get("internal_count", side.get("leaf_count")) for side in halves]
    return sum(count * expected(side, row, known) for count, side in zip(counts, halves, strict=True)) / sum(counts)


def shapley(booster: lgb.Booster, row: np.ndarray) -> np.ndarray:
    """By all coalitions, of the sum of the trees; last what they say on average."""
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]

    def value(known: frozenset[int]) -> float:
        return sum(expected(tree, row, known) for tree in trees)

    result = np.zeros(len(row) + 1)
    for entry in range(len(row)):
        others = [other for other in range(len(row)) if other != entry]
        for size in range(len(row)):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(row))
            for subset in combinations(others, size):
                result[entry] += weight * (value(frozenset({*subset, entry})) - value(frozenset(subset)))
    result[-1] = value(frozenset())
    return result


def rows(kind: TaskType) -> tuple[FeatureSets, np.ndarray]:
    generator = np.random.default_rng(4)
    automatic, trained = generator.standard_normal((2, ROWS, FEATURES)).astype(np.float32)
    amount = automatic[:, 0] * trained[:, 1] + trained[:, 0] + 0.3 * generator.standard_normal(ROWS)
    feature_sets = FeatureSets(automatic, trained)
    if kind is TaskType.MULTICLASS:
        return feature_sets, np.digitize(amount, [-0.7, 0.7])
    return feature_sets, signed_expm1(amount) if kind is TaskType.REGRESSION else (amount > 0).astype(float)


def test_values_of_a_tiny_forest_are_those_of_all_coalitions() -> None:
    feature_sets, target = rows(TaskType.BINARY)
    head = BoostedHead(TaskType.BINARY, rounds=3, least=20, style={"num_leaves": 6})
    head.fit(feature_sets.aggregates, target)
    result = head.contributions(feature_sets.aggregates[:5])
    texts = list(head.state()[1].values())
    assert result.shape == (5, len(texts), 1, FEATURES + 1)
    for member, text in enumerate(texts):
        booster = lgb.Booster(model_str=text)
        for row in range(5):
            np.testing.assert_allclose(
                result[row, member, 0], shapley(booster, feature_sets.aggregates[row]), atol=1e-9
            )


def mixture(kind: TaskType, is_calibrated: bool) -> tuple[Mixture, FeatureSets]:
    feature_sets, target = rows(kind)
    heads = fit_heads(kind, feature_sets, target, 0, ["linear", "baseline", "boosted"])
    created = Mixture(kind, {"linear": 0.2, "baseline": 0.3, "boosted": 0.5}, heads)
    if is_calibrated and kind is not TaskType.REGRESSION:
        message = created.predict(feature_sets)
        fit = (ClassCalibration if kind is TaskType.MULTICLASS else Calibration).fit(message, target)
        created = replace(
            created, calibration=fit if kind is TaskType.BINARY else ClassCalibration(1.7, np.array([0.3, 0, -1]))
        )
    return created, feature_sets.rows(np.arange(90))


@pytest.mark.parametrize("is_calibrated", [False, True])
@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS])
def test_values_sum_to_what_the_answer_moves(kind: TaskType, is_calibrated: bool) -> None:
    created, feature_sets = mixture(kind, is_calibrated)
    answer = created.predict(feature_sets)
    many = kind is TaskType.MULTICLASS
    chosen = answer.argmax(axis=1) if many else np.zeros(len(answer), int)
    result = attributed(created, feature_sets, chosen)
    assert result is not None
    assert result.values.shape == (90, 2 * FEATURES)
    np.testing.assert_allclose(result.score, answer[np.arange(90), chosen] if many else answer, atol=1e-12)
    np.testing.assert_allclose(result.values.sum(axis=1), result.score - result.expected, atol=1e-6)
    if not many:  # with the trees left out, only the linear head tells rows apart
        linear = created.heads["linear"].predict(feature_sets.columns_of("model_outputs"))
        order = np.argsort(linear, kind="stable")
        assert (np.diff(result.expected[order]) >= -1e-9).all()


def test_of_one_uncalibrated_amount_values_are_those_of_the_trees() -> None:
    feature_sets, target = rows(TaskType.REGRESSION)
    heads = fit_heads(TaskType.REGRESSION, feature_sets, target, 0, ["boosted"])
    result = attributed(Mixture(TaskType.REGRESSION, {"boosted": 1.0}, heads), feature_sets, np.zeros(ROWS, int))
    (head,) = heads.values()
    assert result is not None
    assert isinstance(head, BoostedHead)
    trees = head.contributions(feature_sets.columns_of("both")).mean(axis=1)[:, 0]
    slope = (result.score - result.expected) / trees[:, :-1].sum(axis=1)
    np.testing.assert_allclose(result.values, slope[:, None] * trees[:, :-1], atol=1e-9)
    np.testing.assert_allclose(result.expected, signed_expm1(trees[:, -1]))


def test_without_trees_there_is_nothing_to_share_out() -> None:
    feature_sets, target = rows(TaskType.BINARY)
    heads = fit_heads(TaskType.BINARY, feature_sets, target, 0, ["linear"])
    assert attributed(Mixture(TaskType.BINARY, {"linear": 1.0}, heads), feature_sets, np.zeros(ROWS, int)) is None
