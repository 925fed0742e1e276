"""Hashes and indices of ids of every kind."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import hash_ids, index_ids
from basemodel_ops.cleora.ids import to_integers
from basemodel_ops.errors import DataError


def fnv_words(data: bytes) -> int:
    """The hash, with Python's integers."""
    state = 0xCBF29CE484222325 ^ len(data) * 0x9E3779B97F4A7C15 % 2**64
    for low in range(0, len(data), 8):
        state = (state ^ int.from_bytes(data[low : low + 8], "little")) * 0x100000001B3 % 2**64
        state ^= state >> 32
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    return state ^ state >> 31


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=20))
def test_text_hashes_by_its_bytes(values):
    expected = np.array([fnv_words(value.encode()) for value in values], np.uint64)
    np.testing.assert_array_equal(hash_ids(pa.array(values, pa.string())), expected)


def test_one_id_hashes_alike_in_every_container():
    texts = ["a", "bread & butter", "", "é" * 30]
    expected = hash_ids(texts)
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        np.testing.assert_array_equal(hash_ids(pa.array(texts, pa.string()).cast(kind)), expected)
    np.testing.assert_array_equal(hash_ids(np.array(texts)), expected)
    np.testing.assert_array_equal(hash_ids(pa.chunked_array([texts[:1], texts[1:]])), expected)
    np.testing.assert_array_equal(hash_ids(pa.array(["x", *texts])[1:]), expected)
    np.testing.assert_array_equal(hash_ids(pa.array([text.encode() for text in texts])), expected)
    numbers = [5, 2**40, -3]
    for kind in (np.int64, object):
        np.testing.assert_array_equal(hash_ids(np.array(numbers, kind)), hash_ids(numbers))
    np.testing.assert_array_equal(hash_ids(pa.array([1, 2], pa.int8())), hash_ids(pa.array([1, 2], pa.uint64())))


def test_ids_that_differ_hash_differently():
    assert len(set(hash_ids(np.arange(100_000)).tolist())) == 100_000
    words = [f"{i:x}" for i in range(100_000)] + ["a\0", "a", "a\0\0"]
    assert len(set(hash_ids(words).tolist())) == len(set(words))


def test_every_kind_of_id_has_a_hash():
    day = datetime.date(2017, 1, 1)
    for ids in ([day, day], [1.5, 2.5], [True, False], [None, None], ["a", None], [1, "a"], [2**70, 1], []):
        assert hash_ids(ids).shape == (len(ids),)
    assert hash_ids([None, "a"])[0] == hash_ids([5, None])[1]


def test_hashes_of_long_text_do_not_need_a_row_of_their_own():
    hashes = hash_ids(pa.array(["x" * 10_000_000, "x" * 9_999_999 + "y"]))
    assert hashes[0] != hashes[1]


def test_indices_point_at_their_ids():
    for values in (np.array([5, 3, 5, -1]), np.array(["b", "a", "b", "c"]), pa.array(["b", "a", "b", "c"])):
        distinct, code = index_ids(values)
        assert [distinct[i].as_py() for i in code] == values.tolist()
    assert index_ids(pa.array(["b", None, "b"]))[1].tolist() == [0, -1, 0]


def test_ids_that_cannot_name_a_hyperedge_are_refused():
    with pytest.raises(DataError, match="1 of 2 ids are missing"):
        to_integers(pa.array(["a", None]))
    with pytest.raises(DataError, match="cannot be compared exactly"):
        to_integers(np.array([1.0, np.nan]))
