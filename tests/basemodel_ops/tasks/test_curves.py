"""Areas are those of scikit-learn, to the last bit."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from basemodel_ops.tasks.curves import auroc, average_precision


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64])
@pytest.mark.parametrize("distinct", [1, 2, 7, 1000])
@pytest.mark.parametrize("number", [np.float32, np.float64])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_areas_are_those_of_scikit_learn(kind: type, distinct: int, number: type, is_weighted: bool) -> None:
    generator = np.random.default_rng(distinct)
    for rows in (2, 3, 10, 400):
        target = generator.random(rows) < generator.choice([0.1, 0.5, 0.9])
        target[:2] = True, False
        score = (generator.integers(0, distinct, rows) / distinct + target * generator.random()).astype(number)
        weight = generator.random(rows) * (np.arange(rows) % 4 != 2) if is_weighted else None
        assert auroc(target.astype(kind), score, weight) == roc_auc_score(target, score, sample_weight=weight)
        assert average_precision(target.astype(kind), score, weight) == average_precision_score(
            target, score, sample_weight=weight
        )


@pytest.mark.parametrize("weight", [None, np.ones(3), np.array([1.0, 1, 0])])
def test_a_single_class_has_no_area(weight: np.ndarray | None) -> None:
    for value in (0, 1):
        target = np.full(3, value)
        if weight is not None and not weight[2]:
            target[2] = 1 - value  # a row of no weight
        assert np.isnan(auroc(target, np.arange(3.0), weight))
        assert np.isnan(average_precision(target, np.arange(3.0), weight))


def test_weighted_areas_count_rows_as_often_as_they_weigh() -> None:
    target, score, weight = np.array([0, 1, 1, 0]), np.array([0.3, 0.2, 0.9, 0.5]), np.array([1.0, 2, 1, 3])
    often = np.repeat(np.arange(4), weight.astype(int))
    assert auroc(target, score, weight) == pytest.approx(auroc(target[often], score[often]))
    assert average_precision(target, score, weight) == pytest.approx(average_precision(target[often], score[often]))


def test_what_is_no_number_is_not_ranked() -> None:
    with pytest.raises(ValueError, match="not finite"):
        auroc(np.array([0, 1]), np.array([0.5, np.nan]))
