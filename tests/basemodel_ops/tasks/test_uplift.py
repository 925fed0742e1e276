"""Effects of a treatment: the Qini coefficient by hand, the transformed outcome, and effects that are known."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks.selection import LabelledRows, select
from basemodel_ops.tasks.blending import Trial, blend_weights
from basemodel_ops.tasks.boosted_head import SHARP, BoostedHead
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.kinds.uplift import Uplift
from basemodel_ops.tasks.single import Mixture, fit_heads, load_mixture, save_mixture
from basemodel_ops.tasks.split import DAY
from basemodel_ops.tasks.uplift import effect_of, is_treated, outcome_of, qini, qini_curve, transformed_outcome

UPLIFT = kind_of(TaskType.UPLIFT)
TASK = Task(
    name="comes", relation=Relation(schema_name="any", name="comes"), type=TaskType.UPLIFT, entity="e", cutoff="c",
    target="came", treatment="voucher", horizon=14, population=None, predicts=None, reads=(),
)  # fmt: skip


def drawn(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, of which the first moves the effect and the second the outcome; the targets; and the effects."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 6)).astype(np.float32)
    without = 0.45 + 0.2 * np.tanh(features[:, 1])
    effect = 0.3 * np.tanh(2 * features[:, 0])
    treated = generator.random(rows) < 0.5
    came = generator.random(rows) < without + effect * treated
    return features, came + 2.0 * treated, effect


def test_the_qini_coefficient_is_that_of_a_hand_count() -> None:
    """Six rows, the largest effect first: treated yes, untreated no, treated no, untreated yes, treated yes, untreated
    no. Gained: 1 (nobody to compare with), 1 - 0, 1 - 0 x 2, 1 - 1 x 2 / 2, 2 - 1 x 3 / 2, 2 - 1 x 3 / 3.
    """
    target = np.array([3.0, 0, 2, 1, 3, 0])
    effect = np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    rows, gained = qini_curve(target, effect)
    assert rows.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert gained.tolist() == [0, 1, 1, 1, 0, 0.5, 1]
    # Trapezoids: .5 + 1 + 1 + .5 + .25 + .75 = 4, less the triangle 6 x 1 / 2 = 3. The best order takes both treated
    # yes together (2 rows, 2 gained), then the three of neither (2 - 0 x 3 / 2 = 2), then the untreated yes (1): 2 + 6
    # + 1.5 = 9.5, less 3.
    assert qini(target, effect) == pytest.approx((4 - 3) / (9.5 - 3))


def test_targets_come_back_from_the_columns_that_are_kept() -> None:
    target = np.array([3.0, 0, 2, 1])
    columns = {name: column.to_numpy() for name, column in UPLIFT.labels(target, None).items()}
    assert columns["label"].tolist() == [1, 0, 0, 1]
    assert UPLIFT.recorded_target(columns).tolist() == target.tolist()


def test_equal_effects_are_reached_together_and_a_weight_is_as_many_rows() -> None:
    _, target, _ = drawn(0, 300)
    generator = np.random.default_rng(1)
    effect, weight = np.round(generator.normal(size=300), 1), generator.integers(1, 4, 300)
    order = generator.permutation(300)
    assert qini(target, effect) == pytest.approx(qini(target[order], effect[order]), abs=1e-12)
    assert qini(target, np.zeros(300)) == pytest.approx(0, abs=1e-12)
    repeated = qini(np.repeat(target, weight), np.repeat(effect, weight))
    assert qini(target, effect, weight.astype(float)) == pytest.approx(repeated, abs=1e-12)


def test_random_orders_have_no_qini_on_average_and_true_effects_have_one() -> None:
    _, target, effect = drawn(2, 4000)
    generator = np.random.default_rng(3)
    values = [qini(target, generator.random(4000)) for _ in range(100)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 10
    assert qini(target, effect) > 4 * np.std(values)
    assert qini(target, -effect) < -4 * np.std(values)


@pytest.mark.parametrize("target", [[0.0, 1, 1], [2.0, 3, 3], [0.0, 2, 2], [1.0, 3, 3]])
def test_without_a_comparison_there_is_no_qini(target: list[float]) -> None:
    assert np.isnan(qini(np.array(target), np.arange(3.0)))


def test_the_mean_of_the_transformed_outcome_is_the_effect() -> None:
    generator = np.random.default_rng(4)
    propensity, expected = generator.uniform(0.2, 0.8, 200_000), 0.35
    treated = generator.random(len(propensity)) < propensity
    came = generator.random(len(propensity)) < np.where(treated, 0.5, 0.3)
    for level in (np.full(len(propensity), expected), np.zeros(len(propensity))):
        numbers = transformed_outcome(came + 2.0 * treated, propensity, level)
        assert numbers.mean() == pytest.approx(0.2, abs=4 * numbers.std() / np.sqrt(len(numbers)))


@pytest.fixture(scope="module")
def feature_sets() -> tuple[FeatureSets, np.ndarray, np.ndarray]:
    features, target, effect = drawn(5, 6000)
    return FeatureSets(features[:, 3:], features[:, 1:3], None, features), target, effect


@pytest.mark.parametrize("name", ["linear items", "boosted items", "transformed items"])
def test_a_planted_effect_is_fitted_and_saved_as_arrays_and_text(
    feature_sets: tuple[FeatureSets, np.ndarray, np.ndarray], name: str
) -> None:
    sets, target, effect = feature_sets
    first, rest = sets.rows(np.arange(4000)), sets.rows(np.arange(4000, 6000))
    heads = fit_heads(TaskType.UPLIFT, first, target[:4000], 0, [name])
    columns = rest.columns_of(Uplift.recipes[name][1])
    chances = UPLIFT.predict(heads[name], columns)
    assert chances.shape == (2000, 2)
    assert chances.min() >= 0
    assert chances.max() <= 1
    assert np.corrcoef(effect_of(chances), effect[4000:])[0, 1] > 0.8
    seen = [outcome_of(target)[is_treated(target) == is_with].mean() for is_with in (False, True)]
    assert chances.mean(axis=0) == pytest.approx(seen, abs=0.05)
    heads_again = fit_heads(TaskType.UPLIFT, first, target[:4000], 0, [name])
    assert UPLIFT.predict(heads_again[name], columns).tolist() == chances.tolist()

    arrays, texts = save_mixture(Mixture(TaskType.UPLIFT, {name: 1.0}, heads))
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in arrays.values())
    assert all(isinstance(text, str) for text in texts.values())
    again = load_mixture(TaskType.UPLIFT, [name], (arrays, texts))
    assert again.predict(rest).tolist() == chances.tolist()


def test_an_arm_with_one_outcome_predicts_nearly_that() -> None:
    features, target, _ = drawn(6, 400)
    target = np.where(is_treated(target), target, 0.0)  # no untreated row says yes
    sets = FeatureSets(features, features, None, features)
    for name, head in fit_heads(TaskType.UPLIFT, sets, target, 0).items():
        chances = UPLIFT.predict(head, sets.columns_of(Uplift.recipes[name][1]))
        if not name.startswith("transformed"):
            assert chances[:, 0].mean() < 0.1, name
        assert effect_of(chances).mean() == pytest.approx(target[is_treated(target)].mean() - 2, abs=0.1), name


def trial(effects: dict[str, np.ndarray], target: np.ndarray) -> Trial:
    half = np.full(len(target), 0.5)
    predictions = {name: np.stack([half - effect / 2, half + effect / 2], axis=1) for name, effect in effects.items()}
    return Trial(predictions, target, np.arange(len(target)))


def test_two_models_stay_where_they_are_as_good_and_go_where_they_are_not() -> None:
    _, target, effect = drawn(7, 3000)
    generator = np.random.default_rng(8)
    weights = {"linear items": 0.3, "boosted items": 0.3, "transformed items": 0.4}
    near = {name: effect + generator.normal(0, 0.05, 3000) for name in weights}
    committed = UPLIFT.settle(weights, [trial(near, target)], np.ones(1))
    assert committed == {"linear items": 0.5, "boosted items": 0.5}
    wrong = {name: generator.normal(0, 0.2, 3000) for name in weights} | {"transformed items": effect}
    committed = UPLIFT.settle(weights, [trial(wrong, target)], np.ones(1))
    assert committed["transformed items"] == 1.0
    assert UPLIFT.settle({"linear": 1.0}, [trial(near, target)], np.ones(1)) == {"linear": 1.0}


@pytest.mark.parametrize("alike", [0.0, 1.0, "untreated", "treated"])
def test_a_split_without_both_arms_and_outcomes_has_no_vote(alike: float | str) -> None:
    """Nobody, or everyone, said yes or was treated: shares and choice are those of the other moment."""
    _, target, effect = drawn(11, 2000)
    generator = np.random.default_rng(12)
    names = ("linear items", "boosted items", "transformed items")
    noise = {name: generator.normal(0, 0.2, 2000) for name in names}
    wrong, knows = trial(noise, target), trial(noise | {"transformed items": effect}, target)
    by_arm = {"untreated": outcome_of(target), "treated": outcome_of(target) + 2}
    empty = by_arm[alike] if isinstance(alike, str) else alike + 2.0 * is_treated(target)
    no_comparison = trial(noise, empty)
    for fade in (1.0, 4.0):
        result = blend_weights(TaskType.UPLIFT, "qini", [no_comparison, knows], fade=fade)
        assert result["transformed items"] > 0.95
    weights: dict[str, float] = dict.fromkeys(names, 1 / 3)
    for other in (wrong, knows):
        alone = UPLIFT.settle(weights, [other], np.ones(1))
        assert UPLIFT.settle(weights, [no_comparison, other], np.array([1.0, 0.5])) == alone
    assert UPLIFT.settle(weights, [no_comparison], np.ones(1)) == {"linear items": 0.5, "boosted items": 0.5}
    assert sum(blend_weights(TaskType.UPLIFT, "qini", [no_comparison]).values()) == pytest.approx(1, abs=0.002)


def test_what_ships_is_above_random_on_later_rows() -> None:
    features, target, effect = drawn(9, 3000)
    sets = FeatureSets(features, features, None, features)
    cutoff = np.repeat(np.arange(30), 100) * 7 * DAY
    part = np.repeat(np.array(["train"] * 22 + ["validation"] * 3 + ["test"] * 5), 100)
    rows = TaskRows(pa.chunked_array([pa.array(np.arange(3000))]), cutoff, None, part)
    known, test = np.flatnonzero(cutoff + 14 * DAY <= cutoff[2500]), np.arange(2500, 3000)
    chosen = select(LabelledRows(TASK, rows, sets, target, np.arange(3000) % 100), known, test, 0)
    prediction = chosen.test.predictions[chosen.name]
    bounds = UPLIFT.bounds(target[test], prediction, np.arange(500) % 100, None, 0)
    assert 0 < bounds["qini_low"] < qini(target[test], effect_of(prediction)) < bounds["qini_high"]
    assert np.corrcoef(effect_of(prediction), effect[test])[0, 1] > 0.8
    turned = UPLIFT.bounds(target[test], prediction[:, ::-1], np.arange(500) % 100, None, 0)
    assert turned["qini_high"] < 0


def refused(treated: np.ndarray, came: np.ndarray, inputs: np.ndarray) -> str:
    train, validation, test = np.split(np.arange(900), [500, 700])
    parts = {"train": train, "validation": validation, "test": test}
    sets = FeatureSets(inputs[:, :1], inputs[:, :0], None, inputs[:, 1:])

    def make() -> BoostedHead:
        return BoostedHead(TaskType.BINARY, 50, least=20, style=SHARP)

    return UPLIFT.refusal(TASK, sets, ["age", "vouchers sent"], came + 2.0 * treated, parts, make, 0)


def test_what_cannot_be_compared_is_refused_with_a_way_out() -> None:
    generator = np.random.default_rng(10)
    inputs = generator.normal(size=(900, 2)).astype(np.float32)
    came, coin = generator.random(900) < 0.4, generator.random(900) < 0.5
    assert refused(coin, came, inputs) == ""
    for treated, count in ((np.ones(900, bool), 500), (np.zeros(900, bool), 0)):
        problem = refused(treated, came, inputs)
        assert f"Of 500 train rows of comes, voucher is 1 in {count}" in problem
        assert "control group" in problem
    late = coin & (np.arange(900) < 710)
    assert "Of 200 test rows" in refused(late, came, inputs)
    assert "came of comes is 1 in all" in refused(coin, came | coin, inputs)
    described = inputs[:, 1] > 0
    problem = refused(described, came, inputs)
    assert "follows from the history" in problem
    assert "vouchers sent" in problem
    assert "Treat some at random" in problem
    # Who is treated follows a coin for one in ten, and the input for all others.
    mostly = np.where(generator.random(900) < 0.1, coin, described)
    assert "follows from the history" in refused(mostly, came, inputs)
    partly = np.where(generator.random(900) < 0.6, coin, described)
    assert refused(partly, came, inputs) == ""
