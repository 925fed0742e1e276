"""The representation: no gap in its layout, nothing of the future in its past, nothing of the past in its future."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import (
    History,
    Layout,
    history_layout,
    history_values,
    target_layout,
    target_values,
)
from basemodel_ops.representation.history import DAY

from .histories import FIRST, concatenated, history_of, plan, random_history, where

HALF_LIVES, WINDOWS, HORIZONS, SPANS = (7.0, 90.0), (1, 7), (1, 7), (7,)
END = FIRST + 30 * DAY
SEEDS = st.integers(0, 10_000)
PLANS = [plan()]


def past(history: History, cutoffs: np.ndarray) -> np.ndarray:
    return history_values([history], PLANS, cutoffs, HALF_LIVES, HALF_LIVES, WINDOWS)


def future(history: History, cutoffs: np.ndarray, end: int = END) -> np.ndarray:
    return target_values([history], PLANS, cutoffs, HORIZONS, SPANS, end)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 30))
def test_no_event_at_or_after_the_cutoff_changes_a_byte_of_the_history(seed: int, other: int, day: int) -> None:
    cutoff = np.array([FIRST + day * DAY])
    history, elsewhere = random_history(seed), random_history(other, events=90)
    before = where(history, history.time < cutoff)
    changed = concatenated(before, where(elsewhere, elsewhere.time >= cutoff))
    expected = past(history, cutoff).tobytes()
    assert past(changed, cutoff).tobytes() == expected
    assert past(before, cutoff).tobytes() == expected


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 20))
def test_a_cutoff_alone_says_what_it_says_among_others(seed: int, day: int) -> None:
    cutoffs = FIRST + np.array([day, day + 1, day + 9]) * DAY
    history = random_history(seed)
    together = past(history, cutoffs).astype(np.float32)
    for index in range(len(cutoffs)):
        alone = past(history, cutoffs[index : index + 1])[:, 0].astype(np.float32)
        # Decayed counts are carried from cutoff to cutoff, so that the last bit may differ.
        np.testing.assert_allclose(together[:, index], alone, rtol=2e-3, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 22))
def test_no_event_before_the_cutoff_changes_a_byte_of_the_future(seed: int, other: int, day: int) -> None:
    # At midnight, and sessions are of one day: neither a day nor a session has begun before the cutoff.
    cutoff = np.array([FIRST + day * DAY])
    history, elsewhere = random_history(seed), random_history(other, events=90)
    after = where(history, history.time >= cutoff)
    changed = concatenated(where(elsewhere, elsewhere.time < cutoff), after)
    expected = future(history, cutoff).tobytes()
    assert future(changed, cutoff).tobytes() == expected
    assert future(after, cutoff).tobytes() == expected


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 30))
def test_nothing_at_or_after_the_end_is_read(seed: int, other: int, day: int) -> None:
    cutoffs, end = FIRST + np.arange(0, 30, 5) * DAY, FIRST + day * DAY
    history, elsewhere = random_history(seed), random_history(other, events=90)
    changed = concatenated(where(history, history.time < end), where(elsewhere, elsewhere.time >= end))
    assert future(changed, cutoffs, end).tobytes() == future(history, cutoffs, end).tobytes()


def test_a_future_is_unknown_exactly_where_its_window_is_not_over() -> None:
    cutoffs = FIRST + np.array([0, 7, 8, 20, 29, 30]) * DAY
    for end in (FIRST + 15 * DAY, FIRST + 15 * DAY - 1, END):
        values = future(random_history(1), cutoffs, end)
        for block in target_layout(PLANS, HORIZONS, SPANS).blocks:
            current = np.isnan(values[:, :, block.offset : block.end])
            is_open = cutoffs + int(block.detail) * DAY > end
            assert current[:, is_open].all()
            assert not current[:, ~is_open].any()


def test_an_event_at_the_cutoff_is_future_not_history() -> None:
    cutoff = np.array([FIRST])
    history = replace(
        history_of(np.array([0]), cutoff, 1), item_ids={"kind": np.zeros(1, np.int32), "item": np.zeros(1, np.int32)}
    )
    layout = target_layout(PLANS, HORIZONS, SPANS)
    nobody = history_of(np.zeros(0, int), np.zeros(0, int), 1)
    assert past(history, cutoff).tobytes() == past(nobody, cutoff).tobytes()
    assert past(history, cutoff + 1).tobytes() != past(nobody, cutoff + 1).tobytes()
    values = future(history, cutoff)[0, 0]
    assert [values[block.offset] for block in layout.select("occurred")] == [1, 1]
    assert values[layout.select("time_to_event")[0].offset] == 0
    item, distribution = layout.select("item", column="kind")[0], layout.select("item_distribution")[0]
    np.testing.assert_allclose(values[item.offset : item.end], [np.log(2), 0, 0, 0], atol=1e-3)
    assert values[distribution.offset : distribution.end].sum() == PLANS[0].density_rows  # one distribution per row


def test_counts_and_recency_are_decayed_by_age() -> None:
    cutoff = np.array([FIRST])
    history = replace(
        history_of(np.array([0, 0]), FIRST - np.array([14, 7]) * DAY, 1),
        item_ids={"kind": np.array([2, 2], np.int32), "item": np.array([-1, -1], np.int32)},
    )
    layout, values = history_layout(PLANS, HALF_LIVES, HALF_LIVES, WINDOWS), past(history, cutoff)[0, 0]
    short, long = layout.select("session", column="kind")
    week = [1 / (1 - 2 ** (-7 / life)) for life in HALF_LIVES]  # a week, the least, stands for all time
    recency = layout.select("recency", column="kind")[0]
    np.testing.assert_allclose(values[short.offset : short.end], [0, 0, np.log1p((0.25 + 0.5) * week[0]), 0], atol=1e-3)
    decayed = np.log1p((2 ** (-14 / 90) + 2 ** (-7 / 90)) * week[1])
    np.testing.assert_allclose(values[long.offset : long.end], [0, 0, decayed, 0], atol=1e-3)
    np.testing.assert_allclose(values[recency.offset : recency.end], [0, 0, 2 ** (-7 / 28), 0], atol=1e-3)
    for kind in ("sketch", "pooled"):
        for block in layout.select(kind):
            assert not values[block.offset : block.end].any()  # no item is known


def test_lines_of_one_session_are_one_step_and_many_events() -> None:
    cutoff, time = np.array([FIRST]), FIRST - np.array([14, 14, 14, 7]) * DAY
    history = replace(
        history_of(np.zeros(4, int), time, 1),
        session=np.array([1, 1, 1, 2]),
        item_ids={"kind": np.array([2, 2, 1, 2], np.int32), "item": np.full(4, -1, np.int32)},
    )
    layout, values = history_layout(PLANS, HALF_LIVES, HALF_LIVES, WINDOWS), past(history, cutoff)[0, 0]
    (count,), (_, session) = (layout.select(kind, column="kind") for kind in ("count", "session"))
    older, newer = (
        2 ** (-age / 90) / (1 - 2 ** (-7 / 90)) for age in (14, 7)
    )  # a week, the least, stands for all time
    for block, lines in ((count, 2), (session, 1)):
        expected = np.log1p([0, older, lines * older + newer, 0])
        np.testing.assert_allclose(values[block.offset : block.end], expected, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_sketch_rows_and_pooled_vectors_have_unit_length_or_none(seed: int) -> None:
    layout = history_layout(PLANS, HALF_LIVES, HALF_LIVES, WINDOWS)
    values = past(random_history(seed, events=20), FIRST + np.array([3, 30]) * DAY).astype(np.float64)
    assert np.isfinite(values).all()
    for block in layout.select("pooled"):
        length = np.linalg.norm(values[..., block.offset : block.end], axis=-1)
        assert (np.isclose(length, 1, atol=5e-3) | (length == 0)).all()
    for block in layout.select("sketch"):
        rows = values[..., block.offset : block.end].reshape(*values.shape[:2], -1, PLANS[0].width)
        length = np.linalg.norm(rows, axis=-1)
        assert (np.isclose(length, 1, atol=5e-3) | (length == 0)).all()


@pytest.mark.parametrize(
    "layout",
    [
        history_layout([plan(), plan("calls")], HALF_LIVES, HALF_LIVES, WINDOWS),
        target_layout([plan(), plan("calls")], HORIZONS, SPANS),
    ],
)
def test_a_layout_has_no_gap_no_overlap_and_survives_its_rows(layout: Layout) -> None:
    assert layout.blocks[0].offset == 0
    for block, successor in zip(layout.blocks, layout.blocks[1:], strict=False):
        assert block.end == successor.offset
    assert layout.blocks[-1].end == layout.length
    everywhere = np.concatenate([layout.positions(kind) for kind in layout.kinds])
    np.testing.assert_array_equal(np.sort(everywhere), np.arange(layout.length))
    assert len({(b.kind, b.source, b.column, b.detail) for b in layout.blocks}) == len(layout.blocks)
    again = Layout.from_rows(layout.explain())
    assert (again.blocks, again.length) == (layout.blocks, layout.length)


def test_layouts_are_as_long_as_the_values() -> None:
    histories, plans = [random_history(1), random_history(2)], [plan(), plan("calls")]
    cutoffs = FIRST + np.array([5, 9]) * DAY
    layout = history_layout(plans, HALF_LIVES, HALF_LIVES, WINDOWS)
    assert history_values(histories, plans, cutoffs, HALF_LIVES, HALF_LIVES, WINDOWS).shape == (4, 2, layout.length)
    layout = target_layout(plans, HORIZONS, SPANS)
    assert target_values(histories, plans, cutoffs, HORIZONS, SPANS, END).shape == (4, 2, layout.length)
