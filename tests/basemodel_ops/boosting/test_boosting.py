"""The bank foresees, saves as text, and answers nobody whose future it saw."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.boosting.activity import ActivityBoosters, fit_activity
from basemodel_ops.boosting.blending import blend_weights, group_losses
from basemodel_ops.boosting.cross_fitting import FOLDS, cross_fitted_predictions, folds_of
from basemodel_ops.boosting.ease import ease_weights
from basemodel_ops.boosting.item_pairs import fit_item_pairs

IS_ANY = np.array([True, False, True])


def world(seed: int, rows: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and futures that follow from them: any, an amount, and one that never happens."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((rows, 4)).astype(np.float32)
    happens = inputs[:, 0] + 0.3 * generator.standard_normal(rows) > 0
    amount = happens * np.maximum(inputs[:, 1] + 1, 0)
    targets = np.column_stack([happens, amount, np.zeros(rows)]).astype(np.float16)
    targets[generator.random(rows) < 0.2, 1] = np.nan  # windows that are not over
    return inputs, targets


@pytest.fixture(scope="module")
def trained() -> ActivityBoosters:
    return fit_activity(*world(0), IS_ANY, seed=0)


def test_answers_follow_what_causes_them(trained: ActivityBoosters) -> None:
    inputs, targets = world(1)
    answers = trained.predict(inputs)
    assert answers.shape == (1500, 3)
    assert ((answers[:, 0] > 0) == (targets[:, 0] > 0)).mean() > 0.85
    known = ~np.isnan(targets[:, 1])
    assert np.corrcoef(answers[known, 1], targets[known, 1].astype(float))[0, 1] > 0.8
    assert (answers[:, 2] < -5).all()  # what never happened is not foreseen
    assert trained.predict(inputs[:0]).shape == (0, 3)


def test_a_booster_out_of_its_texts_answers_the_same(trained: ActivityBoosters) -> None:
    inputs, _ = world(1)
    np.testing.assert_array_equal(ActivityBoosters.from_texts(trained.texts()).predict(inputs), trained.predict(inputs))


def test_the_same_seed_gives_the_same_texts(trained: ActivityBoosters) -> None:
    assert fit_activity(*world(0), IS_ANY, seed=0).texts() == trained.texts()


def test_rows_whose_window_is_not_over_teach_nothing(trained: ActivityBoosters) -> None:
    """Whatever the other futures of such rows are, the model of this one stays the same."""
    inputs, targets = world(0)
    targets[np.isnan(targets[:, 1]), 0] = 0
    assert fit_activity(inputs, targets, IS_ANY, seed=0).texts()[1] == trained.texts()[1]


def test_a_chance_teaches_as_many_certain_rows_would() -> None:
    inputs, _ = world(0)
    chance = np.full((len(inputs), 1), 0.25)
    chance[inputs[:, 0] > 0] = 0.75
    certain = (np.arange(4)[:, None] < 4 * chance[:, 0]).astype(float)  # each row four times, as often a yes as it says
    alike, times = (
        fit_activity(inputs, chance, np.array([True]), seed=0),
        fit_activity(np.tile(inputs, (4, 1)), certain.reshape(-1, 1), np.array([True]), seed=0),
    )
    requested = world(1)[0]
    assert np.abs(alike.predict(requested) - times.predict(requested)).mean() < 0.1


def test_past_rows_are_answered_by_the_model_that_left_them_out_and_others_by_the_mean() -> None:
    models = [lambda inputs: inputs[:, :2] + 1.0, lambda inputs: inputs[:, :2] + 3.0]
    past = np.array([True, True, False, False])
    result = cross_fitted_predictions(models, np.zeros((4, 3)), fold=np.array([0, 1, 0, 1]), is_past=past)
    assert result[:, 0].tolist() == [1.0, 3.0, 2.0, 2.0]


def test_the_fold_of_an_entity_is_its_own_in_every_table() -> None:
    keys = pa.array(range(2000))
    fold = folds_of(keys)
    assert set(fold) == set(range(FOLDS))
    assert abs((fold == 0).mean() - 1 / FOLDS) < 0.05
    np.testing.assert_array_equal(folds_of(keys.take(pa.array([7, 3]))), fold[[7, 3]])
    np.testing.assert_array_equal(folds_of(pa.array(["7", "3"])), folds_of(pa.array(["7", "3", "x"]))[:2])


def test_losses_are_those_worked_out_by_hand() -> None:
    answers = np.array([[0.0, 2.0], [0.0, 5.0]])
    targets = np.array([[1.0, 1.0], [0.0, np.nan]])
    result = group_losses(answers, targets, np.array([True, False]), ["any", "amount"])
    assert result == pytest.approx({"any": np.log(2), "amount": 1.0})


def test_the_better_learner_of_a_family_gets_it_and_two_that_err_apart_share_it() -> None:
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((3000, 3))
    noise = generator.standard_normal((2, 3000))
    network = truth + np.stack([0.1 * noise[0], 3 * noise[0], noise[0]], axis=1)
    booster = truth + np.stack([3 * noise[1], 0.1 * noise[1], noise[1]], axis=1)
    shares, tried = blend_weights(network, booster, truth, np.zeros(3, bool), ["a", "b", "c"])
    assert shares.tolist() == [1.0, 0.0, 0.5]
    assert tried["c"]["network 0.5"] < min(tried["c"]["network 0"], tried["c"]["network 1"])


def test_the_usual_share_answers_unless_another_is_better_by_a_percent() -> None:
    truth = np.random.default_rng(0).standard_normal((500, 1))
    near, worse = truth + 1.0, truth + 1.02  # squared errors of 1 and of 1.04, of their mean 1.02
    for typical, expected in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0)):
        shares, _ = blend_weights(worse, near, truth, np.zeros(1, bool), ["a"], typical)
        assert shares.tolist() == [expected]
    close = truth + 1.005  # an error of 1.01: less than a percent from the mean's
    for typical in (0.0, 0.5, 1.0):
        shares, tried = blend_weights(close, near, truth, np.zeros(1, bool), ["a"], typical)
        assert shares.tolist() == [typical]
        assert tried["a"]["network 0"] == pytest.approx(1.0)


def test_similar_items_foretell_each_other_and_never_themselves() -> None:
    generator = np.random.default_rng(0)
    counts = generator.standard_normal((2000, 4))
    counts[:, 1] = counts[:, 0] + 0.1 * generator.standard_normal(2000)
    weights = ease_weights(counts.T @ counts, 10.0)
    assert np.diag(weights).tolist() == [0.0] * 4
    for item in range(4):  # a ridge regression of each on the others
        others = np.delete(counts, item, axis=1)
        line = np.linalg.solve(others.T @ others + 10.0 * np.eye(3), others.T @ counts[:, item])
        np.testing.assert_allclose(np.delete(weights[:, item], item), line, atol=1e-5)
    assert weights[0, 1] > 0.9
    assert ease_weights(np.zeros((0, 0)), 1.0).shape == (0, 0)


def test_pairs_learn_what_entities_do_with_items_and_how_common_items_are() -> None:
    generator = np.random.default_rng(0)
    current = generator.standard_normal((600, 6, 2)).astype(np.float32)
    entity = generator.standard_normal((600, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(2 * current[..., 0] + np.linspace(-2, 2, 6))))
    happened = generator.random((600, 6)) < chance
    result = fit_item_pairs(lambda rows: (current[rows], entity[rows]), happened[:400], seed=0)
    answers = result.predict(current[400:], entity[400:], np.arange(6))
    assert np.corrcoef(answers.ravel(), np.log(chance / (1 - chance))[400:].ravel())[0, 1] > 0.9
    np.testing.assert_allclose(result.predict(current[400:, [4]], entity[400:], np.array([4]))[:, 0], answers[:, 4])
