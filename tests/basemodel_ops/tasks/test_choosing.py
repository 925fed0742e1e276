"""The choice among candidates: by several later moments, within a standard error the steadier."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from basemodel_ops.contract.types import METRICS_OF, TaskType
from basemodel_ops.tasks.choosing import (
    CAUTIOUS,
    FEW,
    MANY,
    MOMENTS,
    SAFE,
    STEADY,
    Trial,
    choose,
    difference_error,
    moments,
)
from basemodel_ops.tasks.single import Fitted, Views, answers_of, fit_candidates

from .test_single import KINDS, answered, sample


@pytest.fixture(scope="module", params=KINDS, ids=str)
def fitted(request: pytest.FixtureRequest) -> dict[str, Fitted]:
    return fit_candidates(request.param, *sample(request.param, 0), seed=0)


def trial(candidates: dict[str, Fitted], views: Views, target: np.ndarray) -> Trial:
    return Trial(answers_of(candidates, views), target, np.arange(len(target)))


@pytest.mark.parametrize(("labels", "means"), [(FEW, CAUTIOUS), (MANY - 1, CAUTIOUS), (MANY, STEADY)])
def test_every_candidate_learns_and_the_best_or_a_mean_about_as_good_is_chosen(
    fitted: dict[str, Fitted], labels: int, means: tuple[str, ...]
) -> None:
    kind = next(iter(fitted.values())).kind
    views, target = sample(kind, 1)
    name, metrics = choose(kind, METRICS_OF[kind][0], [trial(fitted, views, target)], labels)
    primary = {candidate: values[METRICS_OF[kind][0]] for candidate, values in metrics.items()}
    best = max(primary, key=lambda candidate: primary[candidate])
    steady = max((mean for mean in means if mean in primary), key=lambda candidate: primary[candidate])
    error = difference_error(kind, METRICS_OF[kind][0], [trial(fitted, views, target)], (best, steady), 0)
    is_alike = primary[best] - primary[steady] <= error
    assert name == (steady if is_alike else best)
    only = {candidate: one for candidate, one in fitted.items() if candidate not in means}
    assert primary[choose(kind, METRICS_OF[kind][0], [trial(only, views, target)], labels)[0]] == max(
        primary[candidate] for candidate in only
    )
    chance = 0.0 if kind is TaskType.REGRESSION else 0.5
    assert min(primary.values()) > chance + 0.1


def test_a_class_met_only_on_validation_is_counted_as_missed() -> None:
    views, target = sample(TaskType.MULTICLASS, 0)
    few = np.flatnonzero(target != 2)
    candidates = fit_candidates(TaskType.MULTICLASS, views.rows(few), target[few], seed=0)
    _, metrics = choose(TaskType.MULTICLASS, "macro_auroc", [trial(candidates, views, target)])
    assert all(np.isfinite(list(values.values())).all() for values in metrics.values())
    assert all(values["accuracy"] <= (target != 2).mean() for values in metrics.values())


@pytest.mark.parametrize("rows", [20, 200])
def test_with_few_labels_boosting_never_ships_however_it_does(rows: int) -> None:
    for seed in range(3):
        views, target = answered(seed, rows)
        candidates = fit_candidates(TaskType.BINARY, views, target, seed=0)
        name, metrics = choose(TaskType.BINARY, "auroc", [trial(candidates, *answered(seed + 10, 200))], labels=rows)
        assert name in SAFE
        assert "baseline" in metrics  # still reported


def test_with_few_labels_the_safest_that_is_about_as_good_ships() -> None:
    views, target = answered(0, 100)
    candidates = fit_candidates(TaskType.BINARY, views, target, seed=0)
    assert choose(TaskType.BINARY, "auroc", [trial(candidates, *answered(1, 300))], labels=100)[0] == "zero-shot"
    # A checkpoint that knows nothing is found out.
    noise = replace(views, answer=np.random.default_rng(0).random((100, 1)))
    later, truth = answered(1, 300)
    blind = replace(later, answer=np.random.default_rng(1).random((300, 1)))
    candidates = fit_candidates(TaskType.BINARY, noise, target, seed=0)
    assert choose(TaskType.BINARY, "auroc", [trial(candidates, blind, truth)], labels=100)[0] == "linear"


def test_with_many_labels_a_mean_that_is_clearly_worse_does_not_ship() -> None:
    views, target = answered(0, 400)
    candidates = fit_candidates(TaskType.BINARY, views, target, seed=0)
    later, truth = answered(1, 2000)
    known = replace(later, answer=truth[:, None].astype(float))
    name, metrics = choose(TaskType.BINARY, "auroc", [trial(candidates, known, truth)], MANY)
    assert name == "zero-shot"
    assert metrics[name]["auroc"] == 1 > metrics[STEADY[0]]["auroc"]
    del candidates["zero-shot + boosted"]  # of the cautious means the one that is as good as its better half
    name, metrics = choose(TaskType.BINARY, "auroc", [trial(candidates, known, truth)], FEW)
    assert name == "zero-shot"
    assert metrics[name]["auroc"] == 1 > metrics["linear + boosted"]["auroc"]


def test_validation_of_one_class_leaves_the_safest() -> None:
    views, target = answered(0, 400)
    candidates = fit_candidates(TaskType.BINARY, views, target, seed=0)
    name, metrics = choose(TaskType.BINARY, "auroc", [trial(candidates, views.rows(target == 1), target[target == 1])])
    assert name == "zero-shot"
    assert np.isnan(metrics[name]["auroc"])


def told(target: np.ndarray, owner: np.ndarray, **answers: np.ndarray) -> Trial:
    return Trial(answers, target, owner)


def test_repeated_rows_of_an_owner_say_no_more_than_one() -> None:
    """The error by owners is that of the rows told once; rows told four times by themselves look twice as sure."""
    generator = np.random.default_rng(5)
    target = (generator.random(200) < 0.4).astype(float)
    one, other = (np.clip(0.3 * target + generator.random(200) * 0.7, 0, 1) for _ in range(2))

    def error(owner: np.ndarray, times: int) -> float:
        values = (np.repeat(each, times) for each in (target, one, other))
        found = dict(zip(("target", "one", "other"), values, strict=True))
        return difference_error(TaskType.BINARY, "auroc", [told(owner=owner, **found)], ("one", "other"), 0)

    once = error(np.arange(200), 1)
    assert error(np.repeat(np.arange(200), 4), 4) == pytest.approx(once)
    assert error(np.arange(800), 4) < 0.7 * once


def test_what_moves_between_moments_counts_as_error() -> None:
    """Better by .2 at one moment and worse by as much at the next: over both, no difference, and not a sure one."""
    generator = np.random.default_rng(0)
    target = (generator.random(4000) < 0.5).astype(float)
    good, bad = target + generator.normal(0, 1, 4000), target + generator.normal(0, 3, 4000)
    owner = np.arange(4000)
    alike = [told(target, owner, one=good, other=bad), told(target, owner, one=good, other=bad)]
    turned = [alike[0], told(target, owner, one=bad, other=good)]
    errors = [difference_error(TaskType.BINARY, "auroc", trials, ("one", "other"), 0) for trials in (alike, turned)]
    assert errors[1] > 5 * errors[0]


def test_a_candidate_that_one_moment_favours_loses_by_the_others() -> None:
    generator = np.random.default_rng(1)
    target = (generator.random(1000) < 0.5).astype(float)
    clear, noise = target + generator.normal(0, 0.5, 1000), generator.normal(0, 1, 1000)
    owner = np.arange(1000)
    lucky = told(target, owner, lucky=target, steady=clear)
    later = [told(target, owner, lucky=noise, steady=clear) for _ in range(3)]
    assert choose(TaskType.BINARY, "auroc", [lucky], MANY)[0] == "lucky"
    assert choose(TaskType.BINARY, "auroc", [lucky, *later], MANY)[0] == "steady"


def test_a_metric_that_is_better_when_small_is_taken_so() -> None:
    target = np.arange(100.0)
    trials = [told(target, np.arange(100), near=target + 3, far=100 * target)]
    assert choose(TaskType.REGRESSION, "mae", trials, MANY)[0] == "near"


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_moments_learn_from_what_was_known_when_they_begin(horizon: int) -> None:
    cutoff = np.repeat(np.arange(60), 5)
    part = np.where(cutoff < 40, "train", "gap").astype("<U10")
    part[(cutoff == 40 + horizon) | (cutoff == 41 + horizon)] = "validation"
    found = moments(cutoff, part, horizon, horizon, 0)
    assert len(found) == MOMENTS
    assert (part[found[0][1]] == "validation").all()
    for _, measured in found[1:]:
        assert (part[measured] == "train").all()
        assert len(np.unique(cutoff[measured])) == 2
    for learnt, measured in found:
        assert cutoff[learnt].max() + horizon <= cutoff[measured].min()
        assert (part[learnt] == "train").all()
    for (_, newer), (_, older) in pairwise(found):
        assert cutoff[older].max() + horizon <= cutoff[newer].min()


def test_a_short_grid_has_fewer_moments() -> None:
    cutoff = np.repeat(np.arange(6), 5)
    part = np.array(["train"] * 4 + ["validation", "validation"])[cutoff]
    assert len(moments(cutoff, part, 3, 3, 0)) == 1


def test_moments_of_traits_are_random_parts_of_the_same_sizes() -> None:
    part = np.where(np.arange(100) < 80, "train", np.where(np.arange(100) < 90, "validation", "test"))
    found = moments(np.zeros(100, int), part, None, 0, 0)
    assert len({tuple(measured) for _, measured in found}) == len(found) == MOMENTS
    for learnt, measured in found:
        assert len(learnt) == 80
        assert len(measured) == 10
        assert sorted([*learnt, *measured]) == list(range(90))
