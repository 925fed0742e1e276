"""Cutoffs of each entity: every row says what a call with its own cutoffs for all says; what is wrong is refused."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import (
    decayed_counts,
    decayed_moments,
    identity_codes,
    last_seen,
    pooled_vectors,
    sketch_histories,
    window_counts,
)
from basemodel_ops.emde.cutoffs import as_rows, checked_cutoffs, per_entity
from basemodel_ops.emde.device import missing_reason
from tests.basemodel_ops.emde.histories import random_events

ENTITIES, ITEMS, WIDTH = 6, 9, 8
HALF_LIVES, SPANS = np.array([0.5, 9.0, 100.0]), np.array([1.0, 4.0])
TABLE = identity_codes(np.arange(ITEMS, dtype=np.uint64), 3, WIDTH)
VECTORS = np.random.default_rng(0).standard_normal((ITEMS, 5)).astype(np.float32)
SEEDS = st.integers(0, 10_000)

Function = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def moments(start: np.ndarray, time: np.ndarray, values: np.ndarray, cutoffs: np.ndarray) -> np.ndarray:
    result = decayed_moments(start, time, values, cutoffs, HALF_LIVES)
    return np.concatenate([result.total_weight, result.total, result.mean, result.last[..., None]], axis=2)


FUNCTIONS: dict[str, Function] = {
    "counts": lambda start, time, codes, _, cutoffs: decayed_counts(
        start, time, codes[:, None], ITEMS, cutoffs, HALF_LIVES
    ),
    "last seen": lambda start, time, codes, _, cutoffs: last_seen(start, time, codes[:, None], ITEMS, cutoffs),
    "windows": lambda start, time, codes, _, cutoffs: window_counts(start, time, codes[:, None], ITEMS, cutoffs, SPANS),
    "pooled": lambda start, time, codes, _, cutoffs: pooled_vectors(start, time, codes, VECTORS, cutoffs, HALF_LIVES),
    "moments": lambda start, time, _, values, cutoffs: moments(start, time, values, cutoffs),
    "sketches": lambda start, time, codes, values, cutoffs: sketch_histories(
        start, time, codes, TABLE, WIDTH, cutoffs, HALF_LIVES, values
    ),
}
EACH_FUNCTION = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())


def history(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    entity_index, time, codes, values = random_events(seed, ENTITIES, items=ITEMS)
    return np.searchsorted(entity_index, np.arange(ENTITIES + 1)), time, codes, values


def cutoffs_per_entity(seed: int, count: int = 5) -> np.ndarray:
    """Quarter days, as events are; some repeat."""
    return np.sort(np.random.default_rng(seed).integers(-4, 130, (ENTITIES, count)), axis=1) * 0.25


@EACH_FUNCTION
@settings(max_examples=15, deadline=None)
@given(SEEDS, SEEDS)
def test_a_row_says_what_its_cutoffs_say_for_all(function: Function, seed: int, other: int) -> None:
    events, cutoffs = history(seed), cutoffs_per_entity(other)
    result = function(*events, cutoffs)
    for entity, row in enumerate(cutoffs):
        np.testing.assert_array_equal(result[entity], function(*events, row)[entity])
        for index in range(len(row)):
            alone = function(*events, row[index : index + 1])[entity, 0]
            # What decays is carried from cutoff to cutoff, so that the last bits may differ.
            np.testing.assert_allclose(result[entity, index], alone, rtol=1e-4, atol=1e-5)


@EACH_FUNCTION
@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS, st.integers(1, 3))
def test_a_repeated_cutoff_says_the_same_again(function: Function, seed: int, other: int, times: int) -> None:
    events, cutoffs = history(seed), cutoffs_per_entity(other, 3)
    result = function(*events, cutoffs)
    padded = function(*events, np.hstack([cutoffs, np.repeat(cutoffs[:, -1:], times, axis=1)]))
    np.testing.assert_array_equal(padded[:, :3], result)
    np.testing.assert_array_equal(padded[:, 3:], np.repeat(result[:, -1:], times, axis=1))
    np.testing.assert_array_equal(function(*events, np.repeat(cutoffs, 2, axis=1)), np.repeat(result, 2, axis=1))


@EACH_FUNCTION
@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS)
def test_only_events_on_the_own_side_of_the_own_cutoff_count(function: Function, seed: int, other: int) -> None:
    start, time, codes, values = history(seed)
    cutoffs = cutoffs_per_entity(other, 1)
    is_future = time >= np.repeat(cutoffs[:, 0], np.diff(start))
    seen = is_future if function is FUNCTIONS["windows"] else ~is_future
    generator = np.random.default_rng(other)
    shuffled = np.where(seen, codes, generator.integers(-1, ITEMS, len(codes))).astype(np.int32)
    changed = np.where(seen, values, values + 7).astype(np.float32)
    expected = function(start, time, codes, values, cutoffs)
    assert function(start, time, shuffled, changed, cutoffs).tobytes() == expected.tobytes()


@EACH_FUNCTION
def test_cutoffs_that_do_not_ascend_or_are_of_others_are_refused(function: Function) -> None:
    events, cutoffs = history(1), cutoffs_per_entity(1)
    cutoffs[4] = [3.0, 2.0, 5.0, 6.0, 7.0]
    with pytest.raises(ValueError, match=r"must ascend.*\[3.0, 2.0, 5.0, 6.0, 7.0\]"):
        function(*events, cutoffs)
    with pytest.raises(ValueError, match="must ascend"):
        function(*events, cutoffs[4])
    with pytest.raises(ValueError, match=r"shape \(5, 5\).*\(6, cutoffs\)"):
        function(*events, np.sort(cutoffs[:5], axis=1))
    assert function(*events, cutoffs[:, :0]).shape[:2] == (ENTITIES, 0)


@pytest.mark.parametrize("cutoff", [np.nan, np.inf])
def test_an_unknown_cutoff_is_refused(cutoff: float) -> None:
    with pytest.raises(ValueError, match="ascend"):
        checked_cutoffs(np.array([1.0, cutoff, 2.0]), 3)


def test_every_form_of_cutoffs_has_one_layout() -> None:
    shared = np.array([1.0, 2.0])
    frozen = np.tile(shared, (3, 1))
    frozen.flags.writeable = False
    for cutoffs in (shared, frozen, np.broadcast_to(shared, (3, 2)), np.asfortranarray(frozen), frozen[::-1]):
        result = per_entity(cutoffs, 3)
        np.testing.assert_array_equal(result, np.tile(shared, (3, 1)))
        assert result.flags.c_contiguous
        assert result.flags.writeable
    assert as_rows(shared, 1).flags.writeable
    assert as_rows(shared, 0).shape == (0, 2)


@pytest.mark.gpu
@pytest.mark.skipif(bool(missing_reason()), reason=missing_reason() or "a device is there")
def test_the_device_equals_the_processor_at_the_cutoffs_of_each_entity() -> None:
    start, time, codes, values = history(6)
    arguments = (start, time, codes, TABLE, WIDTH, cutoffs_per_entity(6), HALF_LIVES, values)
    np.testing.assert_allclose(
        sketch_histories(*arguments, device="cuda"), sketch_histories(*arguments), rtol=1e-4, atol=1e-5
    )
