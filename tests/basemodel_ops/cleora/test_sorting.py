"""Ranks and radix sort against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora.sorting import radix_sort, ranks


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60), st.integers(0, 62))
def test_ranks_equal_numpys_inverse(values, shift):
    array = np.array(values, np.int64) >> shift
    distinct, rank = ranks(array)
    expected, inverse = np.unique(array, return_inverse=True)
    np.testing.assert_array_equal(distinct, expected)
    np.testing.assert_array_equal(rank, inverse)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.uint64])
def test_ranks_take_every_width(kind):
    array = np.random.default_rng(0).integers(0, np.iinfo(kind).max, 500, dtype=kind, endpoint=True)
    distinct, rank = ranks(array)
    assert distinct.dtype == kind
    np.testing.assert_array_equal(distinct[rank], array)


def test_the_sort_is_stable_and_takes_its_payload_along():
    keys = np.random.default_rng(1).integers(0, 2**40, 10_000).astype(np.uint64) % np.uint64(777)
    payload = np.arange(10_000, dtype=np.float32)
    order = np.argsort(keys, kind="stable")
    result, moved = radix_sort(keys.copy(), payload.copy(), 0, 10)
    np.testing.assert_array_equal(result, keys[order])
    np.testing.assert_array_equal(moved, payload[order])
