"""Shares of heads: against a grid of all shares, and where there is little to find them by."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_absolute_error

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.blending import (
    ENOUGH,
    FADE,
    FEW_LABELS,
    HEADS_WITH_FEW_LABELS,
    HEADS_WITH_FEWEST_LABELS,
    LEAST_WEIGHT,
    LOOKAHEAD_ROWS,
    MANY_LABELS,
    PULL,
    Trial,
    blend,
    blend_weights,
    trial_weights,
)

NAMES = ("linear", "baseline", "sharp items")


def drawn(seed: int, rows: int = 3000) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Outcomes, and three chances that each know a part of what decides them."""
    generator = np.random.default_rng(seed)
    parts = generator.normal(0, (1.0, 0.7, 0.3), (rows, 3))
    target = (generator.random(rows) < 1 / (1 + np.exp(-parts.sum(axis=1)))).astype(float)
    return target, {name: 1 / (1 + np.exp(-part)) for name, part in zip(NAMES, parts.T, strict=True)}


def trial(target: np.ndarray, answers: dict[str, np.ndarray], weight: np.ndarray | None = None) -> Trial:
    return Trial(answers, target, np.arange(len(target)), weight)


def grid(steps: int = 40) -> np.ndarray:
    every = np.array(list(product(range(steps + 1), repeat=2)), float) / steps
    every = every[every.sum(axis=1) <= 1]
    return np.column_stack([every, 1 - every.sum(axis=1)])


def test_no_shares_on_a_grid_have_a_smaller_loss() -> None:
    target, answers = drawn(0)
    result = blend_weights(TaskType.BINARY, "auroc", [trial(target, answers)])
    constant = log_loss(target, np.full(len(target), target.mean()))
    columns = np.column_stack(list(answers.values()))

    def loss(shares: np.ndarray) -> float:
        pull = PULL / len(target) * np.sum((shares - 1 / 3) ** 2)
        return float(log_loss(target, columns @ shares) / constant + pull)

    ours = np.array([result.get(name, 0.0) for name in NAMES])
    assert loss(ours) <= min(loss(shares) for shares in grid()) + 1e-4


def test_absolute_errors_are_weighed_where_the_metric_is_their_mean() -> None:
    """Of two heads one has the middle of amounts, the other their mean: only the metric tells which is wanted."""
    generator = np.random.default_rng(1)
    target = np.where(generator.random(4000) < 0.6, 1.0, 400.0)
    answers = {"linear": np.full(4000, 1.0), "baseline": np.full(4000, np.expm1(np.log1p(target).mean()))}
    by_error = blend_weights(TaskType.REGRESSION, "mae", [trial(target, answers)])
    by_square = blend_weights(TaskType.REGRESSION, "r2_log", [trial(target, answers)])
    assert by_error["linear"] > 0.9
    assert by_square["baseline"] > 0.9
    errors = [
        mean_absolute_error(target, blend(TaskType.REGRESSION, shares, answers)) for shares in (by_error, by_square)
    ]
    assert errors[0] < errors[1]


def test_few_rows_leave_shares_near_equal_ones_and_many_do_not() -> None:
    target, answers = drawn(2, 20_000)
    little = {name: answer[:12] for name, answer in answers.items()}
    few = blend_weights(TaskType.BINARY, "auroc", [trial(target[:12], little)])
    many = blend_weights(TaskType.BINARY, "auroc", [trial(target, answers)])
    assert max(few.values()) - min(few.values()) < 0.2
    assert many["linear"] > 0.6
    assert sum(few.values()) == pytest.approx(1, abs=0.002)


def test_a_head_of_noise_is_left_out() -> None:
    target, answers = drawn(3)
    known = {"linear": answers["linear"], "baseline": np.random.default_rng(0).random(len(target))}
    assert blend_weights(TaskType.BINARY, "auroc", [trial(target, known)]) == {"linear": 1.0}
    assert all(
        share >= LEAST_WEIGHT for share in blend_weights(TaskType.BINARY, "auroc", [trial(target, answers)]).values()
    )


def test_the_newest_moment_says_most() -> None:
    (target, answers), (other, theirs) = drawn(4), drawn(5)
    theirs = {**theirs, "linear": np.random.default_rng(1).random(len(other))}
    newest_knows = blend_weights(TaskType.BINARY, "auroc", [trial(target, answers), trial(other, theirs)])
    newest_does_not = blend_weights(TaskType.BINARY, "auroc", [trial(other, theirs), trial(target, answers)])
    assert newest_knows["linear"] > newest_does_not.get("linear", 0.0) + 0.05
    alike = [
        blend_weights(TaskType.BINARY, "auroc", pair, fade=1.0)
        for pair in ([trial(target, answers), trial(other, theirs)], [trial(other, theirs), trial(target, answers)])
    ]
    assert alike[0] == pytest.approx(alike[1], abs=0.01)


def test_a_row_that_speaks_of_two_counts_twice() -> None:
    target, answers = drawn(6, 2000)
    twice = np.where(np.arange(2000) < 700, 2.0, 1.0)
    rows = np.repeat(np.arange(2000), twice.astype(int))
    weighed = blend_weights(TaskType.BINARY, "auroc", [trial(target, answers, twice)])
    repeated = {name: answer[rows] for name, answer in answers.items()}
    assert weighed == pytest.approx(blend_weights(TaskType.BINARY, "auroc", [trial(target[rows], repeated)]), abs=0.02)


@pytest.mark.parametrize(
    ("labels", "allowed"), [(20, HEADS_WITH_FEWEST_LABELS), (FEW_LABELS - 1, HEADS_WITH_FEW_LABELS)]
)
def test_with_few_labels_boosting_has_no_share_however_it_does(labels: int, allowed: tuple[str, ...]) -> None:
    target, answers = drawn(7)
    described = {"zero-shot": answers["linear"], "linear": answers["sharp items"], "linear items": answers["baseline"]}
    shares = blend_weights(TaskType.BINARY, "auroc", [trial(target, {**described, "boosted": target})], labels)
    assert shares.keys() <= set(allowed)
    assert shares["zero-shot"] > shares.get("linear", 0.0)


@pytest.mark.parametrize("labels", [FEW_LABELS, 1000, MANY_LABELS, 4 * MANY_LABELS])
def test_with_few_labels_a_boosted_head_starts_behind(labels: int) -> None:
    target, answers = drawn(9)
    alike = {name: answers["linear"] for name in ("zero-shot", "linear", "boosted")}
    shares = blend_weights(TaskType.BINARY, "auroc", [trial(target, alike)], labels)
    start = min(labels / MANY_LABELS, 1)
    expected = {"zero-shot": 1 / (2 + start), "linear": 1 / (2 + start), "boosted": start / (2 + start)}
    if expected["boosted"] < LEAST_WEIGHT:
        expected = {"zero-shot": 0.5, "linear": 0.5}
    assert shares == pytest.approx(expected, abs=0.002)


def test_what_later_rows_say_outweighs_where_a_head_starts() -> None:
    target, answers = drawn(10, 2000)
    shares = blend_weights(
        TaskType.BINARY, "auroc", [trial(target, {"linear": answers["linear"], "boosted": 0.9 * target + 0.05})], 1000
    )
    assert shares["boosted"] > 0.8


def test_one_class_at_every_moment_leaves_the_safest() -> None:
    answers = {"zero-shot": np.linspace(0, 1, 50), "linear": np.linspace(0, 1, 50)}
    assert blend_weights(TaskType.BINARY, "auroc", [trial(np.ones(50), answers)]) == {"zero-shot": 1.0}


def test_a_class_that_a_head_has_not_met_is_none_of_its_chances() -> None:
    target = np.random.default_rng(8).integers(0, 3, 900)
    knows = np.eye(3)[target] * 0.6 + 0.4 / 3
    blind = np.full((900, 2), 0.5)
    shares = blend_weights(TaskType.MULTICLASS, "macro_auroc", [trial(target, {"linear": knows, "baseline": blind})])
    assert shares["linear"] > 0.9
    together = blend(TaskType.MULTICLASS, {"linear": 0.75, "baseline": 0.25}, {"linear": knows, "baseline": blind})
    np.testing.assert_allclose(together, 0.75 * knows + 0.25 * np.pad(blind, ((0, 0), (0, 1))))


def test_a_moment_of_few_rows_counts_less() -> None:
    trials = [trial(np.zeros(rows), {}) for rows in (ENOUGH, 4 * ENOUGH, 4 * ENOUGH)]
    factor = LOOKAHEAD_ROWS / (LOOKAHEAD_ROWS + ENOUGH)
    raw = np.array([1 / 2, factor * FADE * 4 / 5, factor * FADE**2 * 4 / 5])
    np.testing.assert_allclose(trial_weights(trials), raw / raw.sum())


def test_moments_of_which_none_is_newer_count_by_their_rows_alone() -> None:
    np.testing.assert_allclose(trial_weights([trial(np.zeros(100 * ENOUGH), {})] * 3, fade=1.0), 1 / 3)


def test_what_looked_best_with_later_rows_does_not_outvote_many_of_the_newest_moment() -> None:
    """Earlier on a head that has seen what came after is best; at the newest moment it knows nothing."""
    target, answers = drawn(0)
    knows, lookahead = {**answers, "zero-shot": np.full(len(target), 0.5)}, np.where(target > 0, 0.7, 0.3)
    earlier = trial(target, {**answers, "zero-shot": lookahead})
    newest = trial(np.tile(target, 10), {name: np.tile(values, 10) for name, values in knows.items()})
    few = trial(target[:500], {name: values[:500] for name, values in knows.items()})
    shares = [blend_weights(TaskType.BINARY, "auroc", [first, earlier, earlier]) for first in (newest, few)]
    assert shares[0].get("zero-shot", 0) < 0.5 * shares[1]["zero-shot"]


def test_a_few_rows_of_the_newest_moment_do_not_outvote_many() -> None:
    """In forty rows the head that knows least is best by chance; in thousands before them it is last."""
    target, answers = drawn(0)
    lucky = {**answers, "sharp items": np.where(target > 0, 0.9, 0.1)}
    few = trial(target[:40], {name: values[:40] for name, values in lucky.items()})
    many = trial(target, answers)
    shares = blend_weights(TaskType.BINARY, "auroc", [few, many])
    assert shares["linear"] > shares.get("sharp items", 0)
