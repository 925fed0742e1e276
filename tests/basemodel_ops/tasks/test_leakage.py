"""An input that is the target in other clothes is found; one that foresees it well is not."""

import numpy as np
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.leakage import find_leaking_feature


def world(seed: int, rows: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 6)).astype(np.float32)
    return inputs, inputs[:, 2] + 0.5 * generator.standard_normal(rows)


@pytest.mark.parametrize("disguise", [lambda x: x, lambda x: -3 * x, np.tanh], ids=["copy", "turned", "squashed"])
def test_a_copy_of_the_target_is_found_in_any_clothes(disguise: np.ufunc) -> None:
    inputs, signal = world(0)
    for kind, target in ((TaskType.BINARY, (signal > 0).astype(float)), (TaskType.REGRESSION, signal)):
        leaking = inputs.copy()
        leaking[:, 4] = disguise(target)
        assert find_leaking_feature(kind, leaking, target, seed=0) == 4


def test_inputs_that_only_foresee_are_let_through() -> None:
    inputs, signal = world(1)
    assert find_leaking_feature(TaskType.BINARY, inputs, (signal > 0).astype(float), seed=0) is None
    assert find_leaking_feature(TaskType.REGRESSION, inputs, signal, seed=0) is None


def test_few_positives_and_constants_prove_nothing() -> None:
    inputs, _ = world(2, rows=20)
    target = np.zeros(20)
    target[:2] = 1
    inputs[:, 0] = target
    assert find_leaking_feature(TaskType.BINARY, inputs, target, seed=0) is None
    assert find_leaking_feature(TaskType.REGRESSION, np.zeros((20, 2)), np.arange(20.0), seed=0) is None
