"""Cutoffs of each entity: a row says what a call with its cutoffs for all says; nothing leaks over its own cutoff."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import Density, History, history_values, target_layout, target_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.observed import decay_factors, observed_days, window_factors
from basemodel_ops.representation.scalars import history_scalars, target_scalars

from .histories import FIRST, HOUR, concatenated, history_of, plan, random_history, where

ENTITIES, HALF_LIVES, WINDOWS, HORIZONS, SPANS = 4, (7.0, 90.0), (1, 7), (1, 7), (7, 14)
END = FIRST + 30 * DAY
SEEDS = st.integers(0, 10_000)
CELLS = np.random.default_rng(3).integers(-1, 8, (30, 2))
PLANS = [replace(plan(), cells={"kind": 4}, densities={"text": Density(("item",), 8, CELLS)})]

Function = Callable[[History, np.ndarray], np.ndarray]

FUNCTIONS: dict[str, Function] = {
    "positions": lambda history, cutoffs: history.positions(cutoffs)[..., None],
    "past scalars": lambda history, cutoffs: history_scalars(history, cutoffs, WINDOWS, FIRST),
    "past": lambda history, cutoffs: history_values([history], PLANS, cutoffs, HALF_LIVES, HALF_LIVES, WINDOWS),
    "future scalars": lambda history, cutoffs: target_scalars(history, cutoffs, HORIZONS),
    "future": lambda history, cutoffs: target_values([history], PLANS, cutoffs, HORIZONS, SPANS, END),
}
EACH_FUNCTION = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())


def cutoffs_per_entity(seed: int, count: int = 4, unit: int = HOUR) -> np.ndarray:
    """At hours, as events are, or days; some repeat."""
    latest = 32 * DAY // unit
    return FIRST + np.sort(np.random.default_rng(seed).integers(0, latest, (ENTITIES, count)), axis=1) * unit


@EACH_FUNCTION
@settings(max_examples=15, deadline=None)
@given(SEEDS, SEEDS)
def test_a_row_says_what_its_cutoffs_say_for_all(function: Function, seed: int, other: int) -> None:
    history, cutoffs = random_history(seed), cutoffs_per_entity(other)
    result = function(history, cutoffs)
    for entity, row in enumerate(cutoffs):
        np.testing.assert_array_equal(result[entity], function(history, row)[entity])
        for index in range(len(row)):
            alone = function(history, row[index : index + 1])[entity, 0].astype(np.float64)
            # What decays is carried from cutoff to cutoff, so that the last bit of a float16 may differ.
            np.testing.assert_allclose(result[entity, index].astype(np.float64), alone, rtol=2e-3, atol=1e-4)


@EACH_FUNCTION
@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS)
def test_a_repeated_cutoff_says_the_same_again(function: Function, seed: int, other: int) -> None:
    history, cutoffs = random_history(seed), cutoffs_per_entity(other, 2)
    result = function(history, cutoffs)
    padded = function(history, np.hstack([cutoffs, cutoffs[:, -1:], cutoffs[:, -1:]]))
    np.testing.assert_array_equal(padded, result[:, [0, 1, 1, 1]])


@settings(max_examples=15, deadline=None)
@given(SEEDS, SEEDS, SEEDS)
def test_no_event_at_or_after_its_own_cutoff_changes_a_byte_of_a_history(seed: int, other: int, third: int) -> None:
    history, elsewhere, cutoffs = random_history(seed), random_history(other, events=90), cutoffs_per_entity(third, 1)
    owned, moved = (np.repeat(cutoffs[:, 0], np.diff(entry.start)) for entry in (history, elsewhere))
    changed = concatenated(where(history, history.time < owned), where(elsewhere, elsewhere.time >= moved))
    for name in ("past scalars", "past"):
        assert FUNCTIONS[name](changed, cutoffs).tobytes() == FUNCTIONS[name](history, cutoffs).tobytes()


@settings(max_examples=15, deadline=None)
@given(SEEDS, SEEDS, SEEDS)
def test_no_event_before_its_own_cutoff_changes_a_byte_of_a_future(seed: int, other: int, third: int) -> None:
    # At midnight, and sessions are of one day: neither a day nor a session has begun before the cutoff.
    history, elsewhere, cutoffs = (
        random_history(seed),
        random_history(other, events=90),
        cutoffs_per_entity(third, 1, DAY),
    )
    owned, moved = (np.repeat(cutoffs[:, 0], np.diff(entry.start)) for entry in (history, elsewhere))
    changed = concatenated(where(elsewhere, elsewhere.time < moved), where(history, history.time >= owned))
    for name in ("future scalars", "future"):
        assert FUNCTIONS[name](changed, cutoffs).tobytes() == FUNCTIONS[name](history, cutoffs).tobytes()


def test_a_future_is_unknown_exactly_where_the_window_of_its_own_cutoff_is_not_over() -> None:
    cutoffs = cutoffs_per_entity(5, 6, DAY)
    values = FUNCTIONS["future"](random_history(1), cutoffs)
    for block in target_layout(PLANS, HORIZONS, SPANS).blocks:
        current = np.isnan(values[..., block.offset : block.end])
        is_open = cutoffs + int(block.detail) * DAY > END
        np.testing.assert_array_equal(current, np.broadcast_to(is_open[..., None], current.shape))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, DAY - 1), st.integers(0, 3000))
@example(23_827_213_607, 16_380 - 19_700)  # counted in days, its seventh day ended an event too late
def test_windows_are_half_open_to_the_microsecond(since_midnight: int, day: int) -> None:
    """At any moment of the day: an event at the cutoff is future, one at the end of a window is neither."""
    cutoff, span = FIRST + day * DAY + since_midnight, SPANS[0] * DAY
    offsets = np.array([-1, 0, 1, span - 1, span, span + 1])
    cutoffs = np.full((len(offsets), 1), cutoff)
    history = history_of(np.arange(len(offsets)), cutoff + offsets, len(offsets))
    codes = {"kind": np.zeros(len(offsets), np.int32), "item": np.zeros(len(offsets), np.int32)}
    history = replace(history, item_ids=codes)
    nobody = history_of(np.zeros(0, int), np.zeros(0, int), len(offsets))
    past, empty = (FUNCTIONS["past"](entry, cutoffs) for entry in (history, nobody))
    assert [(a != b).any() for a, b in zip(past, empty, strict=True)] == [True, False, False, False, False, False]
    layout = target_layout(PLANS, HORIZONS, SPANS)
    values = target_values([history], PLANS, cutoffs, HORIZONS, SPANS, cutoff + 20 * DAY)[:, 0]
    inside = [False, True, True, True, False, False]
    item, distribution, happens = (
        next(block for block in layout.select(kind) if block.detail == f"{SPANS[0]}")
        for kind in ("item", "item_distribution", "occurred")
    )
    for block in (item, distribution, happens):
        assert values[:, block.offset : block.end].any(axis=1).tolist() == inside


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_factors_have_the_shape_of_cutoffs(seed: int) -> None:
    cutoffs, half_lives = cutoffs_per_entity(seed), np.array(HALF_LIVES)
    for result, entry in (
        (observed_days(cutoffs, FIRST), lambda row: observed_days(row, FIRST)),
        (window_factors(cutoffs, FIRST, WINDOWS), lambda row: window_factors(row, FIRST, WINDOWS)),
        (decay_factors(cutoffs, FIRST, half_lives), lambda row: decay_factors(row, FIRST, half_lives)),
    ):
        np.testing.assert_array_equal(result, np.stack([entry(row) for row in cutoffs]))


@EACH_FUNCTION
def test_cutoffs_of_others_are_refused(function: Function) -> None:
    with pytest.raises(ValueError, match=r"\(4, cutoffs\)"):
        function(random_history(1), cutoffs_per_entity(1)[:3])


def test_moments_of_positions_stand_in_any_order() -> None:
    history, moments = random_history(2), cutoffs_per_entity(2)
    result = history.positions(moments[:, ::-1])
    for entity in range(ENTITIES):
        current = history.time[history.start[entity] : history.start[entity + 1]]
        expected = history.start[entity] + np.searchsorted(current, moments[entity, ::-1])
        np.testing.assert_array_equal(result[entity], expected)
