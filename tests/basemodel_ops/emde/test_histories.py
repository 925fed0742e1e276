"""Sketches of whole histories: formula, additivity, threads, devices, bad input."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import compact, identity_codes, sketch_histories
from basemodel_ops.emde.device import missing_reason
from basemodel_ops.errors import DataError
from tests.basemodel_ops.emde.histories import plain_sketch, random_events

WIDTH = 8
CUTOFFS = np.array([-1.0, 3.0, 7.5, 12.25])  # the first is before any event; events lie exactly on the others


def table_of(items=9, depth=3):
    return identity_codes(np.arange(items, dtype=np.uint64), depth, WIDTH)


def starts(entity_index, entities=6):
    return np.searchsorted(entity_index, np.arange(entities + 1))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.sampled_from([0.5, 2.0, 9.0, 40.0, 365.0]), min_size=1, max_size=6))
def test_sketches_equal_dictionaries(seed, half_lives):
    entity_index, time, codes, weights = random_events(seed)
    result = sketch_histories(
        starts(entity_index), time, codes, table_of(), WIDTH, CUTOFFS, np.array(half_lives), weights
    )
    expected = plain_sketch(entity_index, time, codes, weights, table_of(), WIDTH, CUTOFFS, half_lives, 6)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    assert not result[:, 0].any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_sketches_add(entry, other):
    half_lives, parts = np.array([2.0, 30.0]), []
    both = [np.concatenate(pair) for pair in zip(random_events(entry), random_events(other), strict=True)]
    order = np.lexsort((both[1], both[0]))
    for entity_index, time, codes, weights in (
        random_events(entry),
        random_events(other),
        [part[order] for part in both],
    ):
        parts.append(
            sketch_histories(starts(entity_index), time, codes, table_of(), WIDTH, CUTOFFS, half_lives, weights)
        )
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], rtol=1e-5, atol=1e-6)


def test_an_event_at_the_cutoff_is_not_seen():
    table, entry = table_of(), np.array([0], np.int32)
    result = sketch_histories(
        np.array([0, 1]), np.array([5.0]), entry, table, WIDTH, np.array([5.0, 5.5]), np.array([1.0])
    )
    assert result[0, 0].sum() == 0
    assert result[0, 1].sum() == pytest.approx(3 * 2**-0.5)


def test_integer_microseconds_equal_days():
    entity_index, time, codes, _ = random_events(3)
    day = 86_400_000_000
    half_lives = np.array([2.0, 9.0])
    in_days = sketch_histories(starts(entity_index), time, codes, table_of(), WIDTH, CUTOFFS, half_lives)
    micro = sketch_histories(
        starts(entity_index), (time * day).astype(np.int64), codes, table_of(), WIDTH, (CUTOFFS * day).astype(np.int64),
        half_lives * day,
    )  # fmt: skip
    np.testing.assert_allclose(micro, in_days, rtol=1e-6)


def test_bytes_do_not_depend_on_threads():
    entity_index, time, codes, weights = random_events(4, entities=70, events=3000)
    arguments = (starts(entity_index, 70), time, codes, table_of(), WIDTH, CUTOFFS, np.array([2.0, 9.0]), weights)
    before = numba.get_num_threads()
    result = []
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            result.append(sketch_histories(*arguments).tobytes())
    finally:
        numba.set_num_threads(before)
    assert len(set(result)) == 1


def test_negative_weights_are_refused_and_unknown_ones_count_nothing():
    time, codes = np.array([0.0, 1.0, 2.0]), np.zeros(3, np.int32)
    arguments = (np.array([0, 3]), time, codes, table_of(), WIDTH, np.array([3.0]), np.array([1.0]))
    with pytest.raises(DataError, match="Event 1 has the weight -2"):
        sketch_histories(*arguments, weights=np.array([1.0, -2.0, 1.0]))
    result = sketch_histories(*arguments, weights=np.array([np.nan, np.inf, 1.0]))
    assert result.sum() == pytest.approx(3 * 0.5)


def test_very_old_events_fade_to_nothing():
    result = sketch_histories(
        np.array([0, 2]), np.array([0.0, 1e6]), np.array([0, 1], np.int32), table_of(), WIDTH, np.array([1e6 + 1, 1e9]),
        np.array([1.0, 1e7]),
    )  # fmt: skip
    assert np.isfinite(result).all()
    assert result[0, 0, 0].sum() == pytest.approx(1.5)
    assert result[0, 1, 0].sum() == 0


def test_settings_out_of_bounds_are_refused():
    arguments = (np.array([0, 0]), np.zeros(0), np.zeros(0, np.int32), table_of(), WIDTH)
    with pytest.raises(ValueError, match="ascend"):
        sketch_histories(*arguments, np.array([2.0, 1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="positive"):
        sketch_histories(*arguments, np.array([1.0]), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="must be in"):
        compact(np.array([[8]]), WIDTH)
    assert sketch_histories(np.zeros(1, np.int64), *arguments[1:], np.array([1.0]), np.array([1.0])).shape[0] == 0


@pytest.mark.gpu
@pytest.mark.skipif(bool(missing_reason()), reason=missing_reason() or "a device is there")
@pytest.mark.parametrize("width", [WIDTH, 2048], ids=["all rows in a block", "a block has some of the rows"])
def test_the_device_equals_the_processor(width):
    entity_index, time, codes, weights = random_events(6, entities=50, events=5000)
    table = identity_codes(np.arange(9, dtype=np.uint64), 3, width)
    arguments = (starts(entity_index, 50), time, codes, table, width, CUTOFFS, np.array([2.0, 9.0, 30.0]))
    for factor in (None, weights):
        on_device = sketch_histories(*arguments, weights=factor, device="cuda")
        np.testing.assert_allclose(on_device, sketch_histories(*arguments, weights=factor), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not missing_reason(), reason="a device is there")
def test_a_missing_device_is_named_and_not_replaced():
    arguments = (np.array([0, 0]), np.zeros(0), np.zeros(0, np.int32), table_of(), WIDTH, np.array([1.0]))
    with pytest.raises(RuntimeError, match="device='cpu'"):
        sketch_histories(*arguments, np.array([1.0]), device="cuda")
    assert sketch_histories(*arguments, np.array([1.0]), device="auto").sum() == 0
