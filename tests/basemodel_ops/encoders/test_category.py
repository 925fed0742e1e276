"""Categories of any cardinality and type."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.encoders.category import CategoryEncoder
from basemodel_ops.encoders.hashing import IntegerLookup, hash_values

values = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=60),
    st.lists(st.one_of(st.none(), st.integers(-20, 20)), max_size=60),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=60),
    st.lists(st.one_of(st.none(), st.binary(max_size=3)), max_size=60),
)


@settings(max_examples=60, deadline=None)
@given(values, st.integers(1, 30))
def test_codes_name_values_by_frequency(column, limit):
    kind = pa.array(column).type
    halves = [pa.array(column[:7], kind), pa.array(column[7:], kind)]
    encoder = CategoryEncoder.fit(halves, limit=limit, buckets=0)
    counts = {}
    for value in column:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    expected = sorted(counts, key=lambda value: (-counts[value], value.encode() if isinstance(value, str) else value))
    expected = expected[:limit]
    assert encoder.vocabulary.values.to_pylist() == expected
    codes = encoder.cells(pa.array(column, kind))[:, 0]
    assert codes.tolist() == [expected.index(v) if v in expected else -1 for v in column]


@pytest.mark.parametrize(
    ("known", "unseen"), [([1, 2], [7, 8, None]), (["a"], ["b", "c", None]), ([b"\xff"], [b"\xfe", None])]
)
def test_unseen_values_share_buckets_and_nulls_have_none(known, unseen):
    encoder = CategoryEncoder.fit([pa.array(known)], buckets=4)
    kind = pa.array(known).type
    cells = encoder.cells(pa.array([*known, *unseen], kind))[:, 0]
    assert cells[: len(known)].tolist() == list(range(len(known)))
    assert cells[-1] == -1
    assert ((cells[len(known) : -1] >= len(known)) & (cells[len(known) : -1] < len(known) + 4)).all()
    assert encoder.features(pa.array(unseen, kind)).sum() == 0


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=200), st.integers(0, 50))
def test_lookup_equals_a_dictionary(numbers, shift):
    listed = np.array(sorted(numbers, key=hash), np.int64)
    asked = np.concatenate([listed, listed + np.int64(shift)]) if len(listed) else np.arange(5)
    place = {int(value): i for i, value in enumerate(listed)}
    assert IntegerLookup(listed).find(asked).tolist() == [place.get(int(v), -1) for v in asked]


def test_dense_and_scattered_integers_are_found_alike():
    dense = np.random.default_rng(0).permutation(1000)
    asked = np.arange(-5, 1005)
    scattered = IntegerLookup(dense * 1_000_003).find(asked * 1_000_003)
    np.testing.assert_array_equal(scattered, IntegerLookup(dense).find(asked))
    assert (scattered[5:1005] == np.argsort(dense)).all()


def test_integers_of_any_width_are_one_type():
    encoder = CategoryEncoder.fit([pa.array([5, 6, 6], pa.int64())], buckets=0)
    assert encoder.cells(pa.array([6, 5, 4], pa.int16()))[:, 0].tolist() == [0, 1, -1]
    large = CategoryEncoder.fit([pa.array([2**64 - 1, 3], pa.uint64())], buckets=0)
    assert sorted(large.cells(pa.array([2**64 - 1, 3, 4], pa.uint64()))[:, 0].tolist()) == [-1, 0, 1]


def test_hashes_are_the_same_on_any_machine():
    assert hash_values(pa.array([0, 1])).tolist() == [0, 6238072747940578789]
    assert hash_values(pa.array(["a", None])).tolist() == hash_values(pa.array([b"a", b""])).tolist()
    assert len(set(hash_values(pa.array(["ab", "b", "a", ""]).slice(1)).tolist())) == 3


def test_very_long_strings_are_values_like_others():
    long = "x" * 10_000_000
    encoder = CategoryEncoder.fit([pa.array([long, "a", long])])
    assert encoder.cells(pa.array([long, long + "y"]))[0, 0] == 0
