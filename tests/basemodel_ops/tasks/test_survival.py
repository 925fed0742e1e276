"""Times to an event: against loops over pairs, a product-limit estimate by hand, and a hazard that is known."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks.selection import LabelledRows, select
from basemodel_ops.tasks.boosted_head import BoostedHead
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.heads import Head, LinearHead
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.kinds.survival import ends, in_periods, windows
from basemodel_ops.tasks.split import DAY
from basemodel_ops.tasks.survival import (
    PERIODS,
    PersonPeriods,
    concordance,
    hazards,
    integrated_brier,
    known_by,
    survival,
)

SURVIVAL = kind_of(TaskType.SURVIVAL)
TASK = Task(
    name="waits", relation=Relation(schema_name="any", name="waits"), type=TaskType.SURVIVAL, entity="e", cutoff="c",
    target="days", observed="came", horizon=14, population=None, predicts=None, reads=(), within=(28, 56),
)  # fmt: skip


def times(seed: int, rows: int) -> np.ndarray:
    """Signed times with ties, some beyond the last period."""
    generator = np.random.default_rng(seed)
    return np.round(generator.exponential(6, rows), 1).clip(0.1) * np.where(generator.random(rows) < 0.6, 1, -1)


def pairwise(time: np.ndarray, waits: np.ndarray) -> float:
    """Concordance by a loop over all pairs."""
    pairs, right = 0, 0.0
    for entry, first in zip(time, waits, strict=True):
        for other, second in zip(time, waits, strict=True):
            if entry > 0 and (abs(other) > entry or other == -entry):
                pairs += 1
                right += 1.0 if first < second else 0.5 if first == second else 0.0
    return right / pairs


@pytest.mark.parametrize("seed", range(5))
def test_concordance_is_that_of_all_pairs(seed: int) -> None:
    time = times(seed, 80)
    waits = np.round(np.abs(time) + np.random.default_rng(seed).normal(0, 4, 80))
    assert concordance(time, waits) == pytest.approx(pairwise(time, waits), abs=1e-12)
    assert concordance(time, np.abs(time)) > 0.99
    assert np.isnan(concordance(-np.abs(time), waits))  # nobody's event was seen


def test_the_brier_score_is_weighted_by_a_product_limit_estimate_by_hand() -> None:
    """Five rows: events at 0.5 and 3.5, censored at 1.5, 2.5 and 20."""
    time = np.array([0.5, -1.5, -2.5, 3.5, -20.0])
    chance = np.tile(np.linspace(0.9, 0.1, PERIODS), (5, 1)) * np.array([[0.5], [1], [0.9], [0.8], [1]])
    # Not censored: 4 are there at 1.5, 3 at 2.5, and nobody is censored before 20 again.
    free = {1: 1.0, 2: 3 / 4, 3: 3 / 4 * 2 / 3}
    scores = []
    for end in range(1, PERIODS + 1):
        weight = free[min(end, 3)]
        errors = [chance[0, end - 1] ** 2]  # its event came while nobody was censored
        if end < 1.5:
            errors.append((1 - chance[1, end - 1]) ** 2 / weight)
        if end < 2.5:
            errors.append((1 - chance[2, end - 1]) ** 2 / weight)
        errors.append((1 - chance[3, end - 1]) ** 2 / weight if end < 3.5 else chance[3, end - 1] ** 2 / (1 / 2))
        errors.append((1 - chance[4, end - 1]) ** 2 / weight)
        scores.append(sum(errors) / 5)
    assert integrated_brier(time, chance) == pytest.approx(np.mean(scores))


def test_a_concordance_is_told_with_an_interval_over_entities() -> None:
    """Rows of one entity are alike, so that of so many copies says no more than that of one."""
    time = times(4, 200)
    noise = np.random.default_rng(4).normal(0, 3, 200)
    hazard = np.repeat(1 / (1 + np.abs(time) + np.abs(noise))[:, None], PERIODS, axis=1).clip(0, 0.9)
    value = SURVIVAL.metrics(time, hazard)["concordance"]
    apart = SURVIVAL.bounds(time, hazard, np.arange(200), None, 0)
    assert apart["concordance_low"] < value < apart["concordance_high"] <= 1
    copies = SURVIVAL.bounds(np.tile(time, 5), np.tile(hazard, (5, 1)), np.tile(np.arange(200), 5), None, 0)
    width, of_copies = (entry["concordance_high"] - entry["concordance_low"] for entry in (apart, copies))
    assert of_copies == pytest.approx(width, rel=0.3)


def test_ends_by_which_everyone_is_censored_are_not_measured() -> None:
    time = np.array([0.5, -1.5, -1.5])
    chance = np.full((3, PERIODS), 0.5)
    assert integrated_brier(time, chance) == pytest.approx(0.25)  # of the first end alone
    assert np.isnan(integrated_brier(np.array([-0.5, -0.5]), chance[:2]))


def test_a_row_is_at_risk_until_its_event_or_as_long_as_it_was_seen() -> None:
    at = PersonPeriods.of(np.array([2.4, -1.25, 1.0, -2.0, 40.0]))
    described = [
        list(zip(at.period[at.row == n], at.happened[at.row == n], at.share[at.row == n], strict=True))
        for n in range(5)
    ]
    assert described[0] == [(0, 0, 1), (1, 0, 1), (2, 1, 1)]
    assert described[1] == [(0, 0, 1), (1, 0, 0.25)]
    assert described[2] == [(0, 1, 1)]
    assert described[3] == [(0, 0, 1), (1, 0, 1)]
    assert described[4] == [(period, 0, 1) for period in range(PERIODS)]  # its event is later than anyone asks


def test_hazards_are_those_of_a_product_limit_estimate() -> None:
    time = np.ceil(np.abs(times(3, 300))) * np.sign(times(3, 300))  # at ends of periods nothing is seen in part
    curve, alive = [], 1.0
    for end in range(1, PERIODS + 1):
        alive *= 1 - (time == end).sum() / (np.abs(time) >= end).sum()
        curve.append(alive)
    np.testing.assert_allclose(survival(hazards(time, np.ones(300))[None])[0], curve)


def test_what_came_later_than_is_known_is_censored_there() -> None:
    known = known_by(np.array([1.0, 5.0, -5.0, -1.0, 2.0]), np.array([3.0, 3.0, 3.0, 3.0, 2.0]))
    assert known.tolist() == [1.0, -3.0, -3.0, -1.0, 2.0]


def test_periods_end_with_every_window() -> None:
    assert windows(TASK) == (14, 28, 56)
    assert {14, 28, 56} <= set(ends(TASK))
    assert (np.diff(ends(TASK)) > 0).all()
    np.testing.assert_allclose(in_periods(TASK, ends(TASK)), np.arange(PERIODS + 1))
    assert in_periods(TASK, np.array([63.0]))[0] == PERIODS + 1
    assert windows(TASK.model_copy(update={"within": ()})) == (14, 28, 42)


def test_a_constant_hazard_is_answered_in_closed_form() -> None:
    task = TASK.model_copy(update={"within": ()})  # all periods are of 3.5 days
    rate = 0.02
    answer = np.full((2, PERIODS), 1 - np.exp(-3.5 * rate))
    expected, *within = (column.to_numpy() for column in SURVIVAL.cells(task, answer, None, None))
    np.testing.assert_allclose(within[0], 1 - np.exp(-14 * rate))
    np.testing.assert_allclose(within[2], 1 - np.exp(-42 * rate))
    np.testing.assert_allclose(expected, (1 - np.exp(-42 * rate)) / rate, rtol=1e-3)
    assert [column.name for column in SURVIVAL.columns(task)] == [
        "expected_days", "within_14_days", "within_28_days", "within_42_days",
    ]  # fmt: skip


def planted(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, the true hazard of each row, and its time, of which two thirds are censored."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 4)).astype(np.float32)
    hazard = 1 / (1 + np.exp(2.6 - 0.9 * features[:, 0] + 0.6 * features[:, 1]))
    time = generator.exponential(1, rows) / -np.log(1 - hazard)
    until = generator.exponential(7, rows)
    return features, hazard, np.where(time <= until, time, -until)


@pytest.mark.parametrize("head", [LinearHead(TaskType.SURVIVAL, 10.0), BoostedHead(TaskType.SURVIVAL, least=20)])
def test_a_known_hazard_is_found_and_what_is_censored_is_learnt_from(head: Head) -> None:
    features, hazard, time = planted(0, 4000)
    assert 0.5 < (time < 0).mean() < 0.7
    requested, true, later = planted(1, 1500)
    SURVIVAL.fit(head, features, time, None)
    result = SURVIVAL.predict(head, requested)
    assert result.shape == (1500, PERIODS)
    error = np.abs(result.mean(axis=1) - true).mean()
    assert error < 0.25 * np.abs(hazard.mean() - true).mean() + 0.01
    reached = SURVIVAL.metrics(later, result)["concordance"]
    best = concordance(later, -true)
    assert best - 0.02 < reached <= best + 0.01
    assert SURVIVAL.metrics(later, result)["integrated_brier"] < integrated_brier(
        later, survival(np.tile(hazards(time, np.ones(4000)), (1500, 1)))
    )
    # Without the censored rows everyone seems to come soon.
    SURVIVAL.fit(head, features[time > 0], time[time > 0], None)
    assert SURVIVAL.predict(head, requested).mean() > 1.5 * true.mean()


def test_what_happens_after_the_test_begins_is_told_to_nobody() -> None:
    """Rows of training and validation whose event comes later are censored when the test begins."""
    generator = np.random.default_rng(0)
    cutoffs = np.repeat(np.arange(20) * 7 * DAY, 30) + int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    moments = np.unique(cutoffs)
    part = np.full(len(cutoffs), "train", dtype="<U10")
    part[cutoffs >= moments[13]] = "validation"
    part[cutoffs > moments[14]] = "gap"
    part[cutoffs >= moments[17]] = "test"
    part[(cutoffs > moments[11]) & (cutoffs < moments[13])] = "gap"
    rows = TaskRows(pa.chunked_array([pa.array(np.tile(np.arange(30), 20))]), cutoffs, None, part)
    seen = generator.normal(size=(len(cutoffs), 3)).astype(np.float32)
    days = generator.exponential(20 * np.exp(seen[:, 0]))
    known = (moments[17] - cutoffs) / DAY
    later = (part != "test") & (days > known)
    assert later.sum() > 50
    feature_sets = FeatureSets(seen, seen[:, :2])
    answers = []
    for described in (days, np.where(later, known + 1, days), np.where(later, -(known + 30), days)):
        target, _ = SURVIVAL.read(TASK, pa.chunked_array([pa.array(described)]))
        known_rows = np.flatnonzero((part != "test") & (cutoffs + 14 * DAY <= moments[17]))
        labelled = LabelledRows(TASK, rows, feature_sets, target, np.tile(np.arange(30), 20))
        chosen = select(labelled, known_rows, np.flatnonzero(part == "test"), 0)
        answers.append(chosen.test.predictions)
    for other in answers[1:]:
        assert answers[0].keys() == other.keys()
        for name, answer in answers[0].items():
            np.testing.assert_array_equal(answer, other[name])
