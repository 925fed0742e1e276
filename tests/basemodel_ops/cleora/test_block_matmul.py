"""Products of blocks against numpy's."""

import numpy as np
import pytest

from basemodel_ops.cleora.block_matmul import covariance
from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.cleora.layout import to_blocks
from basemodel_ops.cleora.markov_weights import markov_weights_of
from tests.basemodel_ops.cleora.dense import unit


@pytest.mark.parametrize(("rows", "dimension"), [(0, 3), (1, 16), (255, 20), (1000, 50)])
def test_the_covariance_is_the_product_of_all_pairs_of_columns(rows, dimension):
    vectors = np.random.default_rng(0).standard_normal((rows, dimension)).astype(np.float32)
    blocks = to_blocks(vectors, np.arange(rows))
    result = covariance(blocks, 1)
    np.testing.assert_allclose(result[:dimension, :dimension], vectors.astype(float).T @ vectors, atol=1e-3)
    assert not result[dimension:].any()
    assert covariance(blocks, 3).tobytes() == result.tobytes()


@pytest.mark.parametrize(("rows", "dimension"), [(1, 1), (15, 16), (17, 20), (1000, 50)])
def test_whitened_rows_are_products_at_unit_length(rows, dimension):
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((rows, dimension)).astype(np.float32)
    vectors[0] = 0
    whitening = np.triu(generator.standard_normal((dimension, dimension))).astype(np.float32)
    state = CpuVectors.of(vectors, np.ones(rows), np.ones(rows, np.int64))
    state.whiten(whitening)
    np.testing.assert_allclose(state.take(), unit(vectors.astype(float) @ whitening), atol=1e-5)


def test_shares_are_inverse_degrees_and_number_the_hubs():
    shares = markov_weights_of(np.array([0.0, 2.0, 10.0, 40.0]), np.array([0, 2, 5, 9]), hub_above=4)
    assert shares.inverse.tolist() == [0, 2**29, -1, -2]
    assert shares.hubs.tolist() == [2, 3]
    np.testing.assert_allclose(shares.hub_inverse, [2**54 / 10, 2**54 / 40])
    assert shares.connected == 3
