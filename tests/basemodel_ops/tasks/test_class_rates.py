"""Rates of very many classes: against counts in a dictionary, never of answers that were not known, and pooled."""

from collections import Counter

import numpy as np
import pytest
from safetensors.numpy import load, save

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.class_rates import AT_ONCE, FEWEST_ROWS, LEAST_RATE, ClassRates, ClassRatesHead, class_rates
from basemodel_ops.tasks.feature_sets import SLOW_CLASSES, FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.peers import PRIOR
from basemodel_ops.tasks.single import Mixture, fit_heads, load_mixture, predictions_of, save_mixture
from basemodel_ops.tasks.split import DAY

CLASSES, HORIZON = 60, 7


def sample(seed: int, rows: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of two columns of three kinds each, answers that the first kind of the second column tells, cutoffs."""
    generator = np.random.default_rng(seed)
    keys = generator.integers(0, 80, (rows, 6))
    target = np.where(generator.random(rows) < 0.8, keys[:, 3] * 7 % CLASSES, generator.integers(0, CLASSES, rows))
    return keys, target, np.sort(generator.integers(0, 200, rows)) * DAY


def indicators(target: np.ndarray) -> np.ndarray:
    """Whether it is each class."""
    return np.equal.outer(target, np.arange(CLASSES)).astype(np.float32)


def test_rates_at_the_end_are_counts_drawn_to_those_of_all() -> None:
    """All answers are known at one moment, so nothing has faded."""
    keys, target, _ = sample(0, 400)
    once = np.zeros(len(target), np.int64)
    _, rates = class_rates(keys, 2, indicators(target), once, once, HORIZON)
    logs = rates.look_up(keys[:50])
    all_counts = Counter(target.tolist())
    for kind, column in enumerate(keys[:, rates.kinds].T):
        rows_of = Counter(column.tolist())
        groups = [value if rows_of[value] >= FEWEST_ROWS else -1 for value in column.tolist()]
        pairs, sizes = Counter(zip(groups, target.tolist(), strict=True)), Counter(groups)
        for row in range(50):
            wanted = [
                (pairs[groups[row], label] + PRIOR * all_counts[label] / len(target)) / (sizes[groups[row]] + PRIOR)
                for label in range(CLASSES)
            ]
            np.testing.assert_allclose(logs[row, kind], np.log(np.maximum(wanted, LEAST_RATE)), atol=0.01)


def test_a_group_never_met_is_told_what_is_rare() -> None:
    keys, target, cutoff = sample(1)
    keys[:FEWEST_ROWS, 0] = 1000 + np.arange(FEWEST_ROWS)  # one row each
    _, rates = class_rates(keys[:, :3], 1, indicators(target), cutoff, cutoff, HORIZON)
    never, rare = keys[:1, :3].copy(), keys[:1, :3].copy()
    never[0, 0], rare[0, 0] = 5000, 1000
    np.testing.assert_array_equal(rates.look_up(never), rates.look_up(rare))


def test_an_answer_that_is_not_known_yet_has_no_effect() -> None:
    keys, target, cutoff = sample(2)
    moment = 100 * DAY
    changed = np.where(cutoff + HORIZON * DAY > moment, (target + 1) % CLASSES, target)
    before, after = (
        class_rates(keys[:, 3:], 1, indicators(answers), cutoff, cutoff, HORIZON)[0] for answers in (target, changed)
    )
    np.testing.assert_array_equal(before[cutoff <= moment], after[cutoff <= moment])
    assert not np.array_equal(before, after)


def test_columns_that_tell_most_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, target, cutoff = sample(3)
    rates, known = class_rates(keys, 2, indicators(target), cutoff, cutoff, HORIZON)
    assert rates.shape == (len(keys), 6, CLASSES)
    assert known.kinds.tolist() == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr("basemodel_ops.tasks.class_rates.MOST_COLUMNS", 1)
    alone, known = class_rates(keys, 2, indicators(target), cutoff, cutoff, HORIZON)
    assert known.kinds.tolist() == [3, 4, 5]
    np.testing.assert_array_equal(alone, rates[:, 3:])


def test_saved_rates_tell_the_same() -> None:
    keys, target, cutoff = sample(4, 300)
    _, rates = class_rates(keys, 2, indicators(target), cutoff, cutoff, HORIZON)
    again = ClassRates.from_arrays(load(save(rates.arrays())))
    np.testing.assert_array_equal(again.look_up(keys), rates.look_up(keys))


def feature_sets_of(seed: int) -> tuple[FeatureSets, np.ndarray]:
    """Views of rows whose answers are told by one group of six."""
    keys, target, cutoff = sample(seed)
    rates, _ = class_rates(keys, 2, indicators(target), cutoff, cutoff, HORIZON)
    empty = np.zeros((len(keys), 1), np.float32)
    return FeatureSets(empty, empty, class_rates=rates), target


def test_few_weights_find_the_group_that_tells() -> None:
    kind = TaskType.MULTICLASS
    feature_sets, target = feature_sets_of(5)
    training_sets, tested = feature_sets.rows(np.arange(2000)), feature_sets.rows(np.arange(2000, 3000))
    heads = fit_heads(kind, training_sets, target[:2000], 0, ["class rates"])
    answer = predictions_of(kind, heads, tested)["class rates"]
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    metrics = kind_of(kind).metrics(target[2000:], answer)
    assert metrics["accuracy"] > 0.75  # 0.8 of answers are told at all
    powers = heads["class rates"].state()[0]["powers"]
    assert powers.argmax() == 3
    assert np.abs(powers[[0, 1, 2, 4, 5]]).max() < 0.5 * powers[3]


def test_the_powers_are_where_the_slope_of_the_loss_is_zero() -> None:
    """By differences of the loss itself, and not by the slope that the optimiser is told."""
    feature_sets, target = feature_sets_of(6)
    assert feature_sets.class_rates is not None
    rates, head = feature_sets.class_rates[:1000], ClassRatesHead()
    head.fit(rates, target[:1000])
    powers = head.state()[0]["powers"].copy()

    def loss(shift: np.ndarray) -> float:
        arrays = {**head.state()[0], "powers": powers + shift.astype(np.float32)}
        chances = ClassRatesHead().restore((arrays, {})).predict(rates)
        return -np.log(chances[np.arange(1000), target[:1000]]).sum() + ((powers + shift) ** 2).sum() / 2

    for index in range(len(powers)):
        step = np.zeros(len(powers))
        step[index] = 0.05
        assert min(loss(step), loss(-step)) > loss(0 * step) - 1e-3


def test_a_class_that_no_row_had_gets_hardly_a_chance() -> None:
    keys, target, cutoff = sample(7)
    rows = target != 11
    rates, _ = class_rates(keys[rows], 2, indicators(target[rows]), cutoff[rows], cutoff[rows], HORIZON)
    head = ClassRatesHead()
    head.fit(rates, target[rows])
    assert head.predict(rates)[:, 11].max() < 1e-3


def test_a_saved_head_answers_the_same_in_parts_too() -> None:
    feature_sets, target = feature_sets_of(8)
    heads = fit_heads(TaskType.MULTICLASS, feature_sets, target, 0, ["class rates"])
    mixture = Mixture(TaskType.MULTICLASS, {"class rates": 1.0}, heads)
    arrays, texts = save_mixture(mixture)
    again = load_mixture(TaskType.MULTICLASS, ["class rates"], (load(save(arrays)), texts))
    answer = again.predict(feature_sets)
    assert answer.tobytes() == mixture.predict(feature_sets).tobytes()
    part = feature_sets.rows(np.arange(AT_ONCE - 5, AT_ONCE + 5))
    np.testing.assert_allclose(again.predict(part), answer[AT_ONCE - 5 : AT_ONCE + 5], rtol=1e-6)


def test_few_classes_and_other_kinds_have_no_such_rates() -> None:
    assert kind_of(TaskType.MULTICLASS).by_class(np.arange(12)) is None
    assert kind_of(TaskType.BINARY).by_class(np.arange(2)) is None
    too_many = np.arange(1000) % 60 * 1000  # 59,001 classes: more than memory holds of so many rows
    assert kind_of(TaskType.MULTICLASS).by_class(too_many) is None
    indicated = kind_of(TaskType.MULTICLASS).by_class(np.array([59, 0]))
    assert indicated is not None
    assert indicated.argmax(axis=1).tolist() == [59, 0]
    assert "class rates" not in FeatureSets(np.zeros((2, 1)), np.zeros((2, 1))).heads


@pytest.mark.parametrize(("classes", "is_slow"), [(CLASSES, False), (SLOW_CLASSES, True)])
def test_slow_heads_are_left_out_where_classes_are_very_many(classes: int, is_slow: bool) -> None:
    empty = np.zeros((2, 1), np.float16)
    heads = FeatureSets(empty, empty, items=empty, class_rates=np.zeros((2, 3, classes), np.float16)).heads
    assert {"baseline", "linear items", "class rates"} <= set(heads)
    assert ("boosted items" in heads) is not is_slow
