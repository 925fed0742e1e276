"""Pairs of (entity, label): learnt, saved, chosen."""

from dataclasses import replace

import numpy as np
import pytest

from basemodel_ops.errors import DataError
from basemodel_ops.tasks.label_boosters import LEAST_ROWS, drawn_rows
from basemodel_ops.tasks.multilabel import (
    SEPARATE,
    PairFeatureSets,
    PairModel,
    choose_pairs,
    fit_pairs,
)

NAMES = ("baseline", "zero-shot", "boosted", "blend")
LABELS = 5


def sample(seed: int, rows: int = 400) -> tuple[PairFeatureSets, np.ndarray]:
    generator = np.random.default_rng(seed)
    current = generator.standard_normal((rows, LABELS, 2))
    trained = generator.standard_normal((rows, LABELS, 3))
    target = current[..., 0] + trained.mean(axis=2) * 2 + np.linspace(-1, 1, LABELS) > 0
    return PairFeatureSets(current, trained, generator.standard_normal((rows, 2))), target


@pytest.fixture(scope="module")
def fitted() -> dict[str, PairModel]:
    return fit_pairs(NAMES, *sample(0), seed=0)


def test_answers_are_probabilities_of_every_pair_and_do_not_depend_on_other_rows(fitted: dict[str, PairModel]) -> None:
    feature_sets, _ = sample(1, rows=1100)  # more than one block
    for model in fitted.values():
        answers = model.predict(feature_sets)
        assert answers.shape == (1100, LABELS)
        assert ((answers >= 0) & (answers <= 1)).all()
        subset = np.array([3, 511, 512, 1099])
        np.testing.assert_allclose(model.predict(feature_sets.rows(subset)), answers[subset], rtol=1e-9)


def test_without_labels_the_mean_logit_answers(fitted: dict[str, PairModel]) -> None:
    feature_sets, _ = sample(1)
    np.testing.assert_allclose(
        fitted["zero-shot"].predict(feature_sets), 1 / (1 + np.exp(-feature_sets.model_outputs.mean(axis=2)))
    )


def test_a_blend_is_the_mean_of_its_parts(fitted: dict[str, PairModel]) -> None:
    feature_sets, _ = sample(1)
    parts = [fitted[name].predict(feature_sets) for name in ("zero-shot", "boosted")]
    np.testing.assert_allclose(fitted["blend"].predict(feature_sets), np.mean(parts, axis=0))


def test_the_best_on_validation_is_chosen_and_what_is_learnt_helps(fitted: dict[str, PairModel]) -> None:
    name, metrics = choose_pairs(fitted, *sample(1))
    assert metrics[name]["macro_auroc"] == max(values["macro_auroc"] for values in metrics.values())
    assert metrics["boosted"]["macro_auroc"] > metrics["baseline"]["macro_auroc"] + 0.05


def test_saved_models_answer_the_same(fitted: dict[str, PairModel]) -> None:
    feature_sets, _ = sample(1)
    for name, model in fitted.items():
        np.testing.assert_array_equal(
            PairModel.restore(name, model.state()).predict(feature_sets), model.predict(feature_sets)
        )


def test_the_same_seed_gives_the_same_model(fitted: dict[str, PairModel]) -> None:
    again = fit_pairs(("boosted",), *sample(0), seed=0)["boosted"]
    assert again.state()[1] == fitted["boosted"].state()[1]


def test_chances_are_mended_on_later_rows_and_no_order_changes(fitted: dict[str, PairModel]) -> None:
    feature_sets, target = sample(1)
    feature_sets = replace(feature_sets, model_outputs=4 * feature_sets.model_outputs - 2)
    model = fitted["zero-shot"].calibrated(feature_sets, target, np.arange(len(target)))
    before, after = fitted["zero-shot"].predict(feature_sets), model.predict(feature_sets)
    assert np.mean((after - target) ** 2) < np.mean((before - target) ** 2) - 0.02
    np.testing.assert_array_equal(np.argsort(after, axis=0), np.argsort(before, axis=0))
    again = PairModel.restore(model.kind, model.state())
    np.testing.assert_array_equal(again.predict(feature_sets), after)


def of_few_labels(seed: int, rows: int = 3000) -> tuple[PairFeatureSets, np.ndarray]:
    """Labels that one number of the entity tells, each in its own way, the first of which hardly anybody had."""
    feature_sets, _ = sample(seed, rows)
    history = np.random.default_rng((seed, 1)).standard_normal((rows, 4)).astype(np.float16)
    target = np.stack([history[:, label % 2] * (-1) ** label > 1 for label in range(LABELS)], axis=1)
    target[:, 0] = False
    target[: LEAST_ROWS - 1, 0] = True
    return replace(feature_sets, history=history), target


def test_few_labels_have_a_model_each_which_reads_all_that_is_known() -> None:
    feature_sets, target = of_few_labels(0)
    assert feature_sets.candidates == (*NAMES, SEPARATE, "separate blend")
    assert replace(feature_sets, history=None).candidates == NAMES
    fitted = fit_pairs(feature_sets.candidates, feature_sets, target, seed=0)
    assert sorted(fitted[SEPARATE].boosters) == [f"label {label}" for label in range(1, LABELS)]
    later, truth = of_few_labels(1)
    name, metrics = choose_pairs(fitted, later, truth)
    assert name == SEPARATE
    assert metrics[SEPARATE]["macro_auroc"] > metrics["boosted"]["macro_auroc"] + 0.2
    answer = fitted[SEPARATE].predict(later)
    np.testing.assert_allclose(answer[:, 0], target[:, 0].mean() + 1e-5, rtol=1e-6)  # its share of all
    parts = [fitted[name].predict(later) for name in (SEPARATE, "boosted", "zero-shot")]
    np.testing.assert_allclose(fitted["separate blend"].predict(later), np.mean(parts, axis=0))
    again = PairModel.restore(SEPARATE, fitted[SEPARATE].state())
    np.testing.assert_array_equal(again.predict(later), answer)
    with pytest.raises(DataError, match="features and rows have"):
        again.predict(replace(later, history=np.zeros((len(truth), 3), np.float16)))


def test_a_model_of_a_rare_label_learns_from_all_who_had_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it answers is as right on average as if it had learnt from all rows."""
    monkeypatch.setattr("basemodel_ops.tasks.label_boosters.LABEL_ROWS", 1000)
    feature_sets, _ = of_few_labels(2, 20_000)
    history = feature_sets.history
    assert history is not None
    target = np.repeat((history[:, :1] + 2 * history[:, 1:2]) > 5, LABELS, axis=1)  # 1 of 80
    rows, weight = drawn_rows(target[:, 1], 1000, seed=0)
    assert target[rows, 1].sum() == target[:, 1].sum()
    assert len(rows) == 1000
    assert weight @ target[rows, 1] == pytest.approx(target[:, 1].sum())
    assert weight.sum() == pytest.approx(len(target))
    often = drawn_rows(~target[:, 1], 1000, seed=0)
    np.testing.assert_array_equal(often[0], rows)
    answer = fit_pairs((SEPARATE,), feature_sets, target, seed=0)[SEPARATE].predict(feature_sets)
    assert answer[:, 1].mean() == pytest.approx(target[:, 1].mean(), rel=0.3)
