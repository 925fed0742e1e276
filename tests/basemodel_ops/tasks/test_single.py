"""Heads of tasks with one answer: they learn, answer the same after a round trip, and calibrate within bounds."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.heads import Head
from basemodel_ops.tasks.metrics import METRICS
from basemodel_ops.tasks.single import Fitted, Views, answers_of, fit_candidates, load_heads, save_heads

KINDS = [TaskType.BINARY, TaskType.REGRESSION, TaskType.MULTICLASS]
CLASSES = 3


def sample(kind: TaskType, seed: int, rows: int = 400) -> tuple[Views, np.ndarray]:
    """Views of which the first columns say something of the target."""
    generator = np.random.default_rng(seed)
    automatic, learnt = (generator.standard_normal((rows, 4)).astype(np.float32) for _ in range(2))
    signal = automatic[:, 0] + learnt[:, 0] + 0.5 * generator.standard_normal(rows)
    if kind is TaskType.BINARY:
        target = (signal > 0).astype(float)
    elif kind is TaskType.REGRESSION:
        target = np.expm1(np.maximum(signal + 2, 0))
    else:
        target = np.digitize(signal, [-0.7, 0.7])
    return Views(automatic, learnt), target


@pytest.fixture(scope="module", params=KINDS, ids=str)
def fitted(request: pytest.FixtureRequest) -> dict[str, Fitted]:
    return fit_candidates(request.param, *sample(request.param, 0), seed=0)


def test_a_head_that_candidates_share_is_asked_once(fitted: dict[str, Fitted], monkeypatch: pytest.MonkeyPatch) -> None:
    views, _ = sample(next(iter(fitted.values())).kind, 1)
    alone = {name: candidate.predict(views) for name, candidate in fitted.items()}
    asked: list[str] = []
    for name, part in {part: head for one in fitted.values() for part, head in one.heads.items()}.items():

        def predict(features: np.ndarray, name: str = name, own: Head = part) -> np.ndarray:
            asked.append(name)
            return type(own).predict(own, features)

        monkeypatch.setattr(part, "predict", predict)
    together = answers_of(fitted, views)
    assert sorted(asked) == ["baseline", "boosted", "linear"]
    assert together.keys() == alone.keys()
    for name, answer in together.items():
        np.testing.assert_array_equal(answer, alone[name])


def test_answers_are_in_the_unit_of_the_target(fitted: dict[str, Fitted]) -> None:
    for candidate in fitted.values():
        views, target = sample(candidate.kind, 1)
        answers = candidate.predict(views)
        if candidate.kind is TaskType.REGRESSION:
            assert answers.shape == (400,)
            assert 0.3 < np.median(answers) / np.median(target) < 3
            continue
        assert answers.shape == ((400,) if candidate.kind is TaskType.BINARY else (400, CLASSES))
        assert ((answers >= 0) & (answers <= 1)).all()
        if candidate.kind is TaskType.MULTICLASS:
            np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


def test_a_blend_is_the_mean_of_its_parts(fitted: dict[str, Fitted]) -> None:
    kind = next(iter(fitted.values())).kind
    views, _ = sample(kind, 1)
    # Amounts are averaged as logarithms.
    squashed = (lambda x: np.sign(x) * np.log1p(np.abs(x))) if kind is TaskType.REGRESSION else (lambda x: x)
    parts = [squashed(fitted[name].predict(views)) for name in ("linear", "boosted")]
    np.testing.assert_allclose(squashed(fitted["linear + boosted"].predict(views)), np.mean(parts, axis=0), atol=1e-6)


def test_saved_heads_answer_the_same(fitted: dict[str, Fitted]) -> None:
    for candidate in fitted.values():
        views, _ = sample(candidate.kind, 1)
        arrays, texts = save_heads(candidate)
        stored = load(save({name: np.ascontiguousarray(array) for name, array in arrays.items()})) if arrays else {}
        again = load_heads(candidate.kind, candidate.parts, (stored, texts))
        np.testing.assert_array_equal(again.predict(views), candidate.predict(views))


def test_a_candidate_with_its_calibration_answers_the_same_when_loaded() -> None:
    views, target = sample(TaskType.BINARY, 0)
    candidate = fit_candidates(TaskType.BINARY, views, target, seed=0)["linear + boosted"]
    calibration = Calibration.fit(candidate.predict(views), target)
    final = replace(candidate, calibration=calibration)
    again = load_heads(TaskType.BINARY, final.parts, save_heads(final))
    np.testing.assert_array_equal(again.predict(views), final.predict(views))
    assert (final.predict(views) != candidate.predict(views)).any()
    assert METRICS[TaskType.BINARY](target, final.predict(views))["brier"] < 0.25


def test_the_same_seed_gives_the_same_heads() -> None:
    views, target = sample(TaskType.BINARY, 0)
    first, second = (
        save_heads(fit_candidates(TaskType.BINARY, views, target, seed=3)["linear + boosted"]) for _ in range(2)
    )
    assert first[1] == second[1]
    for name, array in first[0].items():
        np.testing.assert_array_equal(array, second[0][name])


def test_a_class_that_nobody_is_in_keeps_the_others_in_their_places() -> None:
    views, target = sample(TaskType.MULTICLASS, 0)
    keep = target != 1
    for candidate in fit_candidates(TaskType.MULTICLASS, views.rows(keep), target[keep], seed=0).values():
        answers = candidate.predict(views.rows(keep))
        assert answers.shape[1] == CLASSES
        assert (answers[:, 1] < 0.05).all()
        assert (answers.argmax(axis=1) == target[keep]).mean() > 0.7


def answered(seed: int, rows: int) -> tuple[Views, np.ndarray]:
    """A binary sample with what a checkpoint says of it."""
    views, target = sample(TaskType.BINARY, seed, rows)
    chance = 1 / (1 + np.exp(-2 * (views.automatic[:, :1] + views.learnt[:, :1])))
    return replace(views, answer=chance), target


def test_an_answer_without_labels_is_a_candidate_where_there_is_one_and_is_handed_through() -> None:
    views, target = answered(0, 400)
    candidates = fit_candidates(TaskType.BINARY, views, target, seed=0)
    assert views.answer is not None
    np.testing.assert_array_equal(candidates["zero-shot"].predict(views), views.answer[:, 0])
    assert not any("zero-shot" in name for name in fit_candidates(TaskType.BINARY, *sample(TaskType.BINARY, 0), seed=0))
    again = load_heads(TaskType.BINARY, ("zero-shot",), save_heads(candidates["zero-shot"]))
    np.testing.assert_array_equal(again.predict(views), candidates["zero-shot"].predict(views))


def test_a_raw_view_is_not_boosted() -> None:
    views, target = sample(TaskType.BINARY, 0)
    assert set(fit_candidates(TaskType.BINARY, replace(views, is_raw=True), target, seed=0)) == {
        "linear",
        "baseline",
        "linear + baseline",
    }
