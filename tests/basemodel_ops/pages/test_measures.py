"""Numbers behind the pictures, against formulas of their own."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from basemodel_ops.pages import measures

GENERATOR = np.random.default_rng(3)
LABEL = (GENERATOR.random(400) < 0.3).astype(float)
SCORE = np.round(LABEL * 0.4 + GENERATOR.random(400), 2)  # with equal ones
WEIGHT = GENERATOR.random(400) + 0.5


def test_the_area_below_the_roc_curve_is_the_auroc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "POINTS", 10_000)
    false, true = measures.roc(LABEL, SCORE, WEIGHT)
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(LABEL, SCORE, sample_weight=WEIGHT))


def test_precision_over_recall_sums_to_the_average_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "POINTS", 10_000)
    recall, precision = measures.precision_recall(LABEL, SCORE, WEIGHT)
    steps = np.diff(np.append(0.0, recall))
    assert (steps * precision).sum() == pytest.approx(average_precision_score(LABEL, SCORE, sample_weight=WEIGHT))


def test_gains_end_at_everything_and_lift_is_gains_by_share() -> None:
    taken, result = measures.gains(LABEL, SCORE, WEIGHT)
    assert (taken[0], result[0], taken[-1], result[-1]) == pytest.approx((0, 0, 1, 1))
    best = np.quantile(SCORE, 0.9) <= SCORE
    share = np.interp((WEIGHT * best).sum() / WEIGHT.sum(), taken, result)
    assert share == pytest.approx((LABEL * WEIGHT)[best].sum() / (LABEL * WEIGHT).sum(), abs=0.02)
    subset, lift = measures.lift(taken, result)
    assert lift[-1] == pytest.approx(1)
    assert lift[0] == pytest.approx(np.interp(subset[0], taken, result) / subset[0])


def test_calibration_keeps_the_mean_and_equal_scores_together() -> None:
    described, came = measures.calibration(LABEL, np.full(400, 0.3), WEIGHT)
    assert described == pytest.approx([0.3])
    assert came == pytest.approx([np.average(LABEL, weights=WEIGHT)])
    described, came = measures.calibration(LABEL, SCORE, WEIGHT)
    assert (np.diff(described) > 0).all()
    assert len(described) <= measures.BINS


def test_stability_is_nought_of_the_same_and_large_of_what_moved() -> None:
    before = GENERATOR.normal(size=5000)
    assert measures.stability(before, before) == pytest.approx(0, abs=1e-9)
    assert measures.stability(before, GENERATOR.normal(size=5000)) < 0.1 < 0.25 < measures.stability(before, before + 1)


def test_the_plane_shows_the_two_directions_of_most_variance() -> None:
    wide = GENERATOR.normal(size=(300, 5)) * [0.1, 5, 0.1, 2, 0.1] + 7
    row_indices, shares = measures.plane_of(wide.astype(np.float16))
    values = np.linalg.svd(wide - wide.mean(axis=0), compute_uv=False) ** 2
    assert shares == pytest.approx(values[:2] / values.sum(), abs=0.01)
    assert abs(np.corrcoef(row_indices[:, 0], wide[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(row_indices[:, 1], wide[:, 3])[0, 1]) > 0.99
    assert np.array_equal(row_indices, measures.plane_of(wide.astype(np.float16))[0])


@pytest.mark.parametrize("vectors", [np.ones((4, 3)), np.zeros((1, 2)), np.ones((5, 1))])
def test_what_does_not_vary_has_a_place_too(vectors: np.ndarray) -> None:
    row_indices, _ = measures.plane_of(vectors)
    assert row_indices.shape == (len(vectors), 2)
    assert np.isfinite(row_indices).all()
