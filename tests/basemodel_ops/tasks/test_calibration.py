"""Calibrations rise, stay within bounds, mend what is too bold and come back from their arrays as they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.tasks.calibration import Calibration, ClassCalibration, load_calibration


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 200))
def test_calibration_is_monotone_and_inside_bounds(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    score = generator.random(rows).round(2)
    target = (generator.random(rows) < score).astype(float)
    calibrated = Calibration.fit(score, target).apply(np.linspace(-1, 2, 301))
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated) >= -1e-12).all()
    inside = Calibration.fit(score, target).apply(np.linspace(0, 1, 101))
    assert (np.diff(inside) > 0).all()  # no two scores become one


def test_calibration_mends_scores_that_are_too_bold() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random(5000) * 0.4 + 0.3
    target = (generator.random(5000) < truth).astype(float)
    bold = (truth - 0.3) / 0.4
    calibrated = Calibration.fit(bold, target).apply(bold)
    assert np.abs(calibrated - truth).mean() < 0.04


def test_calibration_of_one_class_in_a_half_still_answers() -> None:
    target = np.zeros(50)
    target[0] = 1
    calibrated = Calibration.fit(np.linspace(0, 1, 50), target).apply(np.linspace(0, 1, 20))
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


def test_an_uninformative_score_becomes_the_base_rate() -> None:
    generator = np.random.default_rng(0)
    target = (generator.random(4000) < 0.3).astype(float)
    noise = generator.random(4000)
    answers = Calibration.fit(noise, target).apply(generator.random(4000))
    assert np.mean((answers - target) ** 2) < 1.01 * target.var()
    assert np.std(answers) < 0.02


def test_rows_of_an_entity_do_not_vouch_for_each_other() -> None:
    errors = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        truth, entity = generator.uniform(0.05, 0.95, 200), np.repeat(np.arange(200), 25)
        target = (generator.random(200) < truth).astype(float)[entity]
        score = np.clip(truth[entity] + generator.normal(0, 0.01, len(entity)), 0.01, 0.99)
        answers = [Calibration.fit(score, target, None, given).apply(score) for given in (None, entity)]
        errors.append([np.abs(answer - truth[entity]).mean() for answer in answers])
    apart, together = np.mean(errors, axis=0)
    assert together < 0.6 * apart


@pytest.mark.parametrize("seed", range(3))
def test_classes_of_an_entity_do_not_vouch_for_each_other(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, target, _ = chances(30, 1.0)
    entity = np.repeat(generator.permutation(30), 20)
    result = ClassCalibration.fit(truth[entity], target[entity], None, entity)
    assert 0.5 < result.slope < 2
    assert np.abs(result.offset).max() < 1


def chances(rows: int, boldness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True chances of four classes, what is drawn of them, and what a model says that is too bold or too shy."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1, (rows, 4))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (generator.random(rows)[:, None] > truth.cumsum(axis=1)).sum(axis=1)
    message = np.exp(boldness * logits + [0.5, 0, 0, -0.5])
    return truth, target, message / message.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("boldness", [0.4, 3.0])
def test_chances_of_classes_are_mended(boldness: float) -> None:
    truth, target, message = chances(6000, boldness)
    result = ClassCalibration.fit(message[:4000], target[:4000]).apply(message[4000:])
    np.testing.assert_allclose(result.sum(axis=1), 1)
    assert np.abs(result - truth[4000:]).mean() < 0.3 * np.abs(message - truth)[4000:].mean()


def test_chances_that_are_right_are_left_alone() -> None:
    truth, target, _ = chances(2000, 1.0)
    result = ClassCalibration.fit(truth, target).apply(truth)
    assert np.abs(result - truth).mean() < 0.02


def test_a_class_that_had_no_chance_gets_none() -> None:
    _, target, message = chances(1000, 3.0)
    calibration = ClassCalibration.fit(
        message[:, :3] / message[:, :3].sum(axis=1, keepdims=True), np.minimum(target, 2)
    )
    wide = calibration.apply(np.pad(message[:, :3], ((0, 0), (0, 2))))
    assert wide.shape == (1000, 5)
    assert (wide[:, 3:] == 0).all()
    assert calibration.apply(message[:, :2]).shape == (1000, 3)


def test_a_calibration_comes_back_from_its_arrays() -> None:
    truth, target, message = chances(500, 2.0)
    for entry, requested in (
        (ClassCalibration.fit(message, target), message),
        (Calibration.fit(message[:, 0], (target == 0).astype(float)), truth[:, 0]),
    ):
        again = load_calibration(entry.arrays())
        assert again is not None
        np.testing.assert_array_equal(again.apply(requested), entry.apply(requested))
    assert load_calibration({}) is None
