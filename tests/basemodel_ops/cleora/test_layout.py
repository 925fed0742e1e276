"""Blocks of columns and back, and the start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora.layout import hashed_blocks, to_blocks, to_rows, turn_to_rows, unit_rows


def hashed_start(hashes, dimension, seed):
    return to_rows(hashed_blocks(hashes, dimension, seed), np.arange(len(hashes)), dimension)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 70), st.integers(0, 100))
def test_rows_come_back_from_blocks(rows, dimension, seed):
    generator = np.random.default_rng(seed)
    vectors, order = generator.random((rows, dimension), np.float32), generator.permutation(rows)
    blocks = to_blocks(vectors, order)
    np.testing.assert_array_equal(to_rows(blocks, order, dimension), vectors)
    assert blocks.sum() == pytest.approx(vectors.sum(), rel=1e-4)


def test_the_start_is_uniform_and_depends_on_id_column_and_seed():
    start = hashed_start(np.arange(2000, dtype=np.uint64), 64, 0)
    assert np.abs(start).max() < 1
    assert abs(start.mean()) < 0.01
    assert start.var() == pytest.approx(1 / 3, abs=0.01)
    assert np.abs(np.corrcoef(start[:, :8].T) - np.eye(8)).max() < 0.1
    assert (hashed_start(np.arange(5, dtype=np.uint64), 64, 1) != start[:5]).all()


def test_the_start_is_the_same_on_any_machine():
    result = hashed_start(np.array([0, 1, 2**64 - 1], np.uint64), 2, 7)
    expected = np.empty((3, 2))
    for row, value in enumerate([0, 1, 2**64 - 1]):
        for column in range(2):
            z = (value + 0x9E3779B97F4A7C15 * (column + 1 + 7 * 1_000_003)) % 2**64
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
            expected[row, column] = (2 * ((z ^ z >> 31) >> 41) + 1) / 2**23 - 1
    np.testing.assert_array_equal(result, expected.astype(np.float32))


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 5), st.integers(0, 100))
def test_rows_come_back_in_the_memory_of_the_blocks(rows, blocks, seed):
    generator = np.random.default_rng(seed)
    vectors, order = generator.random((rows, 16 * blocks), np.float32), generator.permutation(rows)
    result = to_blocks(vectors, order)
    turn_to_rows(result, order)
    np.testing.assert_array_equal(result.reshape(vectors.shape), vectors)


def test_zero_rows_stay_zero_and_others_reach_unit_length():
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((9, 21)).astype(np.float32)
    vectors[4] = 0
    blocks = to_blocks(vectors, np.arange(9))
    unit_rows(blocks)
    expected = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose(to_rows(blocks, np.arange(9), 21), expected, atol=1e-6)
