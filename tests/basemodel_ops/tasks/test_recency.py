"""Rows that teach less the older they are: only where what is learnt moves with time."""

import numpy as np
import pytest

from basemodel_ops.contract.types import METRICS_OF, TaskType
from basemodel_ops.tasks.blending import Trial
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.recency import HALF_LIFE, newer_teach_more, recency_weights

HORIZON, CUTOFFS, ENTITIES = 4, 40, 150


def drifting(kind: TaskType, drift: float) -> tuple[FeatureSets, np.ndarray, FeatureSets, Trial]:
    """Rows of a grid whose second number comes to say, with `drift`, what the first said at first."""
    generator = np.random.default_rng(0)
    cutoff = np.repeat(np.arange(CUTOFFS), ENTITIES)
    values = generator.standard_normal((len(cutoff), 2)).astype(np.float32)
    share = drift * cutoff / CUTOFFS
    signal = (1 - share) * values[:, 0] + share * values[:, 1] + 0.5 * generator.standard_normal(len(cutoff))
    target = (signal > 0).astype(float) if kind is TaskType.BINARY else np.exp(signal)
    feature_sets = FeatureSets(values, values[:, :1], recency=recency_weights(cutoff, HORIZON))
    train, later = np.flatnonzero(cutoff < CUTOFFS - HORIZON), np.flatnonzero(cutoff == CUTOFFS - 1)
    entity = np.tile(np.arange(ENTITIES), CUTOFFS)
    return feature_sets.rows(train), target[train], feature_sets.rows(later), Trial({}, target[later], entity[later])


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.REGRESSION], ids=str)
@pytest.mark.parametrize(("drift", "expected"), [(1.0, True), (0.0, False)])
def test_newer_rows_teach_more_only_where_what_they_tell_moves(kind: TaskType, drift: float, expected: bool) -> None:
    training, target, measured, later = drifting(kind, drift)
    metric = METRICS_OF[kind][0]
    assert newer_teach_more(kind, metric, training, target, measured, later, 0) is expected


def test_a_constant_target_lets_all_rows_teach_alike() -> None:
    training, target, measured, later = drifting(TaskType.BINARY, 1.0)
    alike = Trial({}, np.ones(ENTITIES), later.entity_index)
    assert not newer_teach_more(TaskType.BINARY, "auroc", training, target, measured, alike, 0)


def test_a_row_a_half_life_older_teaches_half_as_much() -> None:
    weights = recency_weights(np.array([0, 1, 2]) * int(HALF_LIFE * HORIZON), HORIZON)
    np.testing.assert_allclose(weights, [0.25, 0.5, 1.0])


def test_what_a_row_teaches_is_apart_from_how_many_it_speaks_of() -> None:
    """Learning weighs by both, 1 on average of the chosen rows; measuring by the second alone."""
    values, weight = np.zeros((4, 1), np.float32), np.array([1.0, 3.0, 1.0, 1.0])
    feature_sets = FeatureSets(values, values, weight=weight, recency=np.array([0.25, 0.5, 1.0, 1.0])).rows(
        np.array([0, 1])
    )
    np.testing.assert_array_equal(feature_sets.weight, [1.0, 3.0])
    assert feature_sets.learning_weight is not None
    np.testing.assert_allclose(feature_sets.learning_weight, np.array([0.25, 1.5]) / 0.875)
    np.testing.assert_array_equal(feature_sets.without_recency().learning_weight, [1.0, 3.0])
    assert FeatureSets(values, values).learning_weight is None
