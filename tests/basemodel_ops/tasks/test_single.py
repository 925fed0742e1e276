"""Heads of tasks with one answer: they learn, answer the same after a round trip, and calibrate within bounds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from safetensors.numpy import load, save

from basemodel_ops.contract.types import METRICS_OF, TaskType
from basemodel_ops.tasks.boosted_head import BoostedHead, rows_share
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.single import Mixture, fit_heads, load_mixture, predictions_of, save_mixture

KINDS = [TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS]
CLASSES = 3


def sample(kind: TaskType, seed: int, rows: int = 400) -> tuple[FeatureSets, np.ndarray]:
    """Views of which the first columns say something of the target."""
    generator = np.random.default_rng(seed)
    automatic, trained = (generator.standard_normal((rows, 4)).astype(np.float32) for _ in range(2))
    signal = automatic[:, 0] + trained[:, 0] + 0.5 * generator.standard_normal(rows)
    if kind is TaskType.BINARY:
        target = (signal > 0).astype(float)
    elif kind is TaskType.REGRESSION:
        target = np.expm1(np.maximum(signal + 2, 0))
    else:
        target = np.digitize(signal, [-0.7, 0.7])
    return FeatureSets(automatic, trained), target


@pytest.fixture(scope="module", params=KINDS, ids=str)
def mixture(request: pytest.FixtureRequest) -> Mixture:
    return of_all(request.param)


def of_all(kind: TaskType, seed: int = 0) -> Mixture:
    """All heads, fitted on a sample, in unequal shares."""
    heads = fit_heads(kind, *sample(kind, 0), seed=seed)
    return Mixture(kind, dict(zip(heads, (0.5, 0.3, 0.2), strict=True)), heads)


def test_every_head_learns(mixture: Mixture) -> None:
    feature_sets, target = sample(mixture.kind, 1)
    metric = METRICS_OF[mixture.kind][0]
    for answer in predictions_of(mixture.kind, mixture.heads, feature_sets).values():
        chance = 0.0 if mixture.kind is TaskType.REGRESSION else 0.5
        assert kind_of(mixture.kind).metrics(target, answer)[metric] > chance + 0.1


def test_answers_are_in_the_unit_of_the_target(mixture: Mixture) -> None:
    feature_sets, target = sample(mixture.kind, 1)
    for answers in (mixture.predict(feature_sets), *predictions_of(mixture.kind, mixture.heads, feature_sets).values()):
        if mixture.kind is TaskType.REGRESSION:
            assert answers.shape == (400,)
            assert 0.3 < np.median(answers) / np.median(target) < 3
            continue
        assert answers.shape == ((400,) if mixture.kind is TaskType.BINARY else (400, CLASSES))
        assert ((answers >= 0) & (answers <= 1)).all()
        if mixture.kind is TaskType.MULTICLASS:
            np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


def test_a_mixture_is_the_weighted_mean_of_its_heads(mixture: Mixture) -> None:
    feature_sets, _ = sample(mixture.kind, 1)
    # Amounts are averaged as logarithms.
    squashed = (lambda x: np.sign(x) * np.log1p(np.abs(x))) if mixture.kind is TaskType.REGRESSION else (lambda x: x)
    answers = predictions_of(mixture.kind, mixture.heads, feature_sets)
    expected = sum(share * squashed(answers[name]) for name, share in mixture.weights.items())
    np.testing.assert_allclose(squashed(mixture.predict(feature_sets)), expected, atol=1e-6)


def test_a_saved_mixture_answers_the_same(mixture: Mixture) -> None:
    feature_sets, target = sample(mixture.kind, 1)
    calibration = Calibration.fit(mixture.predict(feature_sets), target) if mixture.kind is TaskType.BINARY else None
    for entry in (mixture, replace(mixture, calibration=calibration), replace(mixture, weights={"linear": 1.0})):
        arrays, texts = save_mixture(entry)
        stored = load(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        again = load_mixture(mixture.kind, list(entry.weights), (stored, texts))
        np.testing.assert_array_equal(again.predict(feature_sets), entry.predict(feature_sets))


def test_the_same_seed_gives_the_same_heads() -> None:
    first, second = (save_mixture(of_all(TaskType.BINARY, seed=3)) for _ in range(2))
    assert first[1] == second[1]
    for name, array in first[0].items():
        np.testing.assert_array_equal(array, second[0][name])


def test_a_class_that_nobody_is_in_keeps_the_others_in_their_places() -> None:
    feature_sets, target = sample(TaskType.MULTICLASS, 0)
    keep = target != 1
    heads = fit_heads(TaskType.MULTICLASS, feature_sets.rows(keep), target[keep], seed=0)
    for answers in predictions_of(TaskType.MULTICLASS, heads, feature_sets.rows(keep)).values():
        assert answers.shape[1] == CLASSES
        assert (answers[:, 1] < 0.05).all()
        assert (answers.argmax(axis=1) == target[keep]).mean() > 0.7


def test_where_features_are_too_many_those_that_tell_are_read_by_more_rows() -> None:
    """One of 600 numbers tells; learnt from few numbers the head reads some columns, and that one is among them."""
    generator = np.random.default_rng(0)
    wide = generator.standard_normal((6000, 600)).astype(np.float32)
    target = (wide[:, 417] + generator.normal(0, 0.5, 6000) > 0).astype(float)
    feature_sets = FeatureSets(wide, wide[:, :1])
    head = fit_heads(TaskType.BINARY, feature_sets, target, 0, ["baseline"], numbers=1_000_000)["baseline"]
    assert head.columns is not None
    assert 417 in head.columns
    assert len(head.columns) * 6000 <= 1_000_000
    answer = predictions_of(TaskType.BINARY, {"baseline": head}, feature_sets)["baseline"]
    assert kind_of(TaskType.BINARY).metrics(target, answer)["auroc"] > 0.93
    arrays, texts = save_mixture(Mixture(TaskType.BINARY, {"baseline": 1.0}, {"baseline": head}))
    again = load_mixture(TaskType.BINARY, ["baseline"], (arrays, texts))
    np.testing.assert_array_equal(again.predict(feature_sets), answer)


def test_heads_that_learn_side_by_side_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """LightGBM holds one number of threads for the whole process: buffers of one model would be sized by another's."""
    threads: list[int] = []

    def spied(learn: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            parameters = named.get("params") or next(entry for entry in arguments if isinstance(entry, dict))
            threads.append(parameters["num_threads"])
            return learn(*arguments, **named)

        return call

    for name in ("Dataset", "train"):
        monkeypatch.setattr(lgb, name, spied(getattr(lgb, name)))
    heads = fit_heads(TaskType.BINARY, *sample(TaskType.BINARY, 0), seed=0)
    boosted = [head for head in heads.values() if isinstance(head, BoostedHead)]
    assert len(threads) == sum(1 + head.members for head in boosted) > 2
    assert set(threads) == {1}


def test_columns_of_several_views_stand_in_their_order() -> None:
    generator = np.random.default_rng(1)
    feature_sets = FeatureSets(
        *(generator.standard_normal((5, size)).astype(np.float32) for size in (3, 4)), items=np.ones((5, 2))
    )
    everything = feature_sets.columns_of("all")
    for columns in (np.array([0, 2, 3, 8]), np.array([7, 8]), np.array([4])):
        np.testing.assert_array_equal(feature_sets.columns_of("all", columns), everything[:, columns])


def answered(seed: int, rows: int) -> tuple[FeatureSets, np.ndarray]:
    """A binary sample with what a checkpoint says of it."""
    feature_sets, target = sample(TaskType.BINARY, seed, rows)
    chance = 1 / (1 + np.exp(-2 * (feature_sets.aggregates[:, :1] + feature_sets.model_outputs[:, :1])))
    return replace(feature_sets, zero_shot=chance), target


def test_an_answer_without_labels_is_a_head_where_there_is_one_and_is_handed_through() -> None:
    feature_sets, target = answered(0, 400)
    heads = fit_heads(TaskType.BINARY, feature_sets, target, seed=0)
    assert feature_sets.zero_shot is not None
    np.testing.assert_array_equal(
        predictions_of(TaskType.BINARY, heads, feature_sets)["zero-shot"], feature_sets.zero_shot[:, 0]
    )
    assert "zero-shot" not in fit_heads(TaskType.BINARY, *sample(TaskType.BINARY, 0), seed=0)
    alone = Mixture(TaskType.BINARY, {"zero-shot": 1.0}, heads)
    again = load_mixture(TaskType.BINARY, ["zero-shot"], save_mixture(alone))
    np.testing.assert_array_equal(again.predict(feature_sets), alone.predict(feature_sets))


def test_a_raw_view_is_not_boosted() -> None:
    feature_sets, target = sample(TaskType.BINARY, 0)
    raw = replace(feature_sets, is_raw=True)
    assert list(fit_heads(TaskType.BINARY, raw, target, seed=0)) == raw.heads == ["linear", "bold linear", "baseline"]


def of_newest_items(seed: int, rows: int = 4000, items: int = 300) -> tuple[FeatureSets, np.ndarray]:
    """Rows whose target is a draw of their newest item, whose rank says nothing of it."""
    effect = np.random.default_rng(99).random(items)  # of each item, whichever rows are drawn
    generator = np.random.default_rng(seed)
    newest, noise = generator.integers(0, items, rows), generator.standard_normal((rows, 3))
    target = (generator.random(rows) < np.where(effect[newest] > 0.5, 0.9, 0.1)).astype(float)
    values = np.column_stack([noise[:, 0], newest, noise[:, 1:]]).astype(np.float16)
    empty = np.zeros((rows, 1), np.float32)
    return FeatureSets(empty, empty, None, values, np.array([1, 2]), np.array([0])), target


def test_a_head_of_the_newest_items_splits_them_by_sets() -> None:
    heads = fit_heads(TaskType.BINARY, *of_newest_items(0), 0, ["newest items", "sharp items"])
    feature_sets, target = of_newest_items(1)
    result = {
        name: kind_of(TaskType.BINARY).metrics(target, answer)["auroc"]
        for name, answer in predictions_of(TaskType.BINARY, heads, feature_sets).items()
    }
    assert result["newest items"] > 0.8
    assert result["newest items"] > result["sharp items"] + 0.02


def test_a_head_of_the_newest_items_is_saved_with_what_it_reads() -> None:
    feature_sets, _ = of_newest_items(1)
    heads = fit_heads(TaskType.BINARY, *of_newest_items(0), 0, ["newest items"])
    mixture = Mixture(TaskType.BINARY, {"newest items": 1.0}, heads)
    arrays, texts = save_mixture(mixture)
    again = load_mixture(TaskType.BINARY, ["newest items"], (load(save(arrays)), texts))
    assert again.predict(feature_sets).tobytes() == mixture.predict(feature_sets).tobytes()
    head = again.heads["newest items"]
    assert isinstance(head, BoostedHead)
    values = head.contributions(feature_sets.columns_of("items", np.array([1, 2])))
    raw = np.log(mixture.predict(feature_sets) / (1 - mixture.predict(feature_sets)))
    assert np.corrcoef(values.sum(axis=3).mean(axis=1)[:, 0], raw)[0, 1] > 0.99


def test_there_is_no_head_of_newest_items_where_few_are_known() -> None:
    feature_sets, _ = of_newest_items(0, 50)
    assert "newest items" in feature_sets.heads
    assert "newest items" not in replace(feature_sets, newest=None, categories=None).heads


@pytest.mark.parametrize(("classes", "share"), [(2, 1.0), (8, 1.0), (16, 0.5), (35, 0.4), (400, 0.25)])
def test_many_classes_are_many_trees_and_learn_from_fewer_rows(classes: int, share: float) -> None:
    """Of 100 rounds: a tree a class and round, 2,000 trees about, of which 800 learn from all rows."""
    target = np.arange(10 * classes) % classes
    assert rows_share(TaskType.MULTICLASS, target, 100) == pytest.approx(share, rel=0.03)
    assert rows_share(TaskType.BINARY, target % 2, 100) == 1.0
