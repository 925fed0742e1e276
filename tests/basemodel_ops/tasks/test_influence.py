"""The mean AUROC of many labels, a mean, and how sure they are, against draws."""

import numpy as np
import pytest

from basemodel_ops.tasks.influence import auroc_moved, mean_moved, standard_error
from basemodel_ops.tasks.metrics import multilabel_metrics


def test_what_rows_move_gives_the_spread_of_draws() -> None:
    generator = np.random.default_rng(0)
    label = (generator.random((300, 6)) < 0.3).astype(float)
    label[:, 5] = 0  # a label that nobody has
    score = np.round(label * 0.5 + generator.normal(size=(300, 6)), 1)
    value, moved = auroc_moved(label, score)
    assert value == pytest.approx(multilabel_metrics(label, score)["macro_auroc"])
    assert moved.sum() == pytest.approx(0, abs=1e-9)
    draws = [auroc_moved(label[subset], score[subset])[0] for subset in generator.integers(0, 300, (400, 300))]
    assert np.sqrt((moved**2).sum()) == pytest.approx(np.std(draws), rel=0.15)


def test_equal_rows_give_no_sure_difference() -> None:
    value, moved = auroc_moved(np.ones((4, 2)), np.arange(8.0).reshape(4, 2))
    assert np.isnan(value)
    assert not moved.any()


def test_the_error_of_a_mean_is_the_spread_of_draws_of_entities() -> None:
    generator = np.random.default_rng(3)
    entity_index = generator.permutation(np.repeat(np.arange(200), generator.integers(1, 4, 200)))
    values = generator.normal(size=200)[entity_index] + generator.normal(
        size=len(entity_index)
    )  # rows of an entity are alike
    values[generator.random(len(entity_index)) < 0.2] = np.nan
    rows = [np.flatnonzero(entity_index == entity) for entity in range(200)]
    draws = [
        np.nanmean(values[np.concatenate([rows[entity] for entity in drawn])])
        for drawn in generator.integers(0, 200, (400, 200))
    ]
    assert standard_error(mean_moved(values), entity_index) == pytest.approx(np.std(draws), rel=0.15)
    assert mean_moved(np.full(3, np.nan)).tolist() == [0, 0, 0]
