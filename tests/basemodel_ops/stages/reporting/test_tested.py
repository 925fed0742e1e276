"""The mean AUROC of many labels, and how sure it is, against draws."""

import numpy as np
import pytest

from basemodel_ops.stages.reporting.tested import auroc_moved, positions_by
from basemodel_ops.tasks.metrics import multilabel_metrics


def test_what_rows_move_gives_the_spread_of_draws() -> None:
    generator = np.random.default_rng(0)
    label = (generator.random((300, 6)) < 0.3).astype(float)
    label[:, 5] = 0  # a label that nobody has
    score = np.round(label * 0.5 + generator.normal(size=(300, 6)), 1)
    value, moved = auroc_moved(label, score)
    assert value == pytest.approx(multilabel_metrics(label, score)["macro_auroc"])
    assert moved.sum() == pytest.approx(0, abs=1e-9)
    draws = [auroc_moved(label[some], score[some])[0] for some in generator.integers(0, 300, (400, 300))]
    assert np.sqrt((moved**2).sum()) == pytest.approx(np.std(draws), rel=0.15)


def test_nothing_is_said_where_nobody_differs() -> None:
    value, moved = auroc_moved(np.ones((4, 2)), np.arange(8.0).reshape(4, 2))
    assert np.isnan(value)
    assert not moved.any()


def test_rows_are_told_apart_by_value_the_most_frequent_first() -> None:
    found = positions_by(["b", None, "a", "b"])
    assert list(found) == ["b", "a"]
    assert found["b"].tolist() == [0, 3]
