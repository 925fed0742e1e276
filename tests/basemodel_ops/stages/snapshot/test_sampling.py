"""Rows are drawn within bounds, the same ones always, and all of them where they fit."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.stages.snapshot.sampling import (
    LEAST_POSITIVES,
    Draw,
    TaskPlan,
    draw,
    hashes_of,
    plan_task,
    read_together,
)
from basemodel_ops.tasks.split import DAY, Split

ENTITIES = pa.array([f"entity {number}" for number in range(20_000)])
WEEKS = np.arange(40) * 7 * DAY
MOST = {"train": 5_000, "validation": 1_000, "test": 2_000}


def split(weeks: np.ndarray = WEEKS) -> Split:
    return Split(weeks[:28], weeks[30:32], weeks[36:40])


def population() -> tuple[pa.Array, np.ndarray]:
    """Every entity at every week."""
    number = np.repeat(np.arange(len(ENTITIES)), len(WEEKS))
    return ENTITIES.take(pa.array(number)), np.tile(WEEKS, len(ENTITIES))


@given(rows=st.integers(1, 10**9), most=st.integers(1, 10**6), cutoffs=st.integers(1, 4000))
def test_a_draw_is_within_its_bound_and_takes_everything_that_fits(rows: int, most: int, cutoffs: int) -> None:
    entry = draw(rows, most, cutoffs)
    assert 0 < entry.entities <= 1
    assert 0 < entry.cutoffs <= 1
    assert rows * entry.entities * entry.cutoffs <= most * (1 + 1e-9)
    if rows <= most:
        assert entry == Draw(1.0, 1.0)


def test_several_cutoffs_of_many_entities_are_drawn_not_all_of_few() -> None:
    entry = draw(45_000_000, 120_000, 28)
    assert 28 * entry.cutoffs == pytest.approx(8)
    assert entry.entities * 1_000_000 > 9_000


def test_as_many_rows_are_kept_as_the_plan_says_and_the_same_ones_again() -> None:
    counts = {int(week): len(ENTITIES) for week in WEEKS}
    plan = plan_task(counts, split(), WEEKS, MOST)
    entity, cutoff = population()
    part = np.full(len(cutoff), "unlabelled", dtype="<U10")
    for name in ("train", "validation", "test"):
        part[np.isin(cutoff, getattr(split(), name))] = name
    read = TaskPlan(1.0, plan.rows, plan.draws)  # the warehouse draws nothing here
    kept = read.keeps(part, entity, cutoff)
    for name, most in MOST.items():
        count = int(kept[part == name].sum())
        assert 0.8 * most < count < 1.2 * most, (name, count)
    order = np.random.default_rng(0).permutation(len(part))
    again = read.keeps(part[order], entity.take(pa.array(order)), cutoff[order])
    np.testing.assert_array_equal(again, kept[order])


def test_a_smaller_draw_is_a_part_of_a_larger_and_another_seed_is_another_draw() -> None:
    entity, cutoff = population()
    hashes = hashes_of(entity, 0)
    small, large = (Draw(share, 0.5).keeps(hashes, cutoff) for share in (0.1, 0.3))
    assert (large | ~small).all()
    assert small.sum() < large.sum()
    other = Draw(0.1, 0.5).keeps(hashes_of(entity, 1), cutoff)
    assert (other != small).any()


def test_entities_that_the_warehouse_drew_are_drawn_further_by_what_is_left() -> None:
    """Of rows that are of a tenth of the entities, a draw of a twentieth keeps half."""
    entity, cutoff = population()
    kept = Draw(0.05, 1.0).keeps(hashes_of(entity, 0), cutoff, read=0.1)
    assert kept.mean() == pytest.approx(0.5, abs=0.02)


def test_what_is_drawn_for_one_task_is_read_for_all() -> None:
    plans = {name: TaskPlan(share, {}, {}) for name, share in (("a", 0.2), ("b", 0.01))}
    assert {plan.read for plan in read_together(plans, 0.05).values()} == {0.2}
    assert {plan.read for plan in read_together(plans, 0.5).values()} == {0.5}


def test_rare_positives_are_all_kept_and_common_ones_drawn() -> None:
    counts = {int(week): 1_000_000 for week in WEEKS}
    rare = plan_task(counts, split(), WEEKS, MOST, positives={int(WEEKS[0]): 10})
    assert rare.positives == 1.0
    common = plan_task(counts, split(), WEEKS, {**MOST, "train": 50_000}, positives=dict.fromkeys(counts, 300_000))
    assert common.positives == 0.0
    assert common.drawn("train") * 28 * 300_000 >= LEAST_POSITIVES
    assert plan_task({0: 10}, split(), WEEKS, MOST, positives={0: 1}).positives == 0.0


def test_a_trait_is_bounded_by_its_entities_not_by_the_cutoffs_that_repeat_it() -> None:
    counts = {int(week): 4_000 for week in WEEKS}
    plan = plan_task(counts, None, WEEKS, MOST)
    assert plan.draws == {"train": Draw(1.0, 1.0)}


def test_a_plan_survives_being_written_as_json() -> None:
    plan = plan_task({int(week): 10**6 for week in WEEKS}, split(), WEEKS, MOST, 3, {0: 5})
    assert TaskPlan.from_dict(plan.to_dict()) == plan
