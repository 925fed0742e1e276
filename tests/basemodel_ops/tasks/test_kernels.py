"""Kernels over pairs against plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from basemodel_ops.tasks.kernels import follow, products_at, top_k_indices, values_at


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 40), st.booleans())
def test_the_best_are_those_of_a_sort(seed: int, k: int, more: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((4, k + more)).astype(np.float32)
    scores = np.maximum(scores, 0).round(1) if ties else scores
    result = top_k_indices(scores, k)
    assert all(len(set(row)) == k for row in result.tolist())
    values = np.sort(np.take_along_axis(scores, result, axis=1), axis=1)
    np.testing.assert_array_equal(values, np.sort(scores, axis=1)[:, more:])
    np.testing.assert_array_equal(result, top_k_indices(scores, k))


@pytest.mark.parametrize("seed", range(3))
def test_what_follows_is_a_product_read_at_some_places(seed: int) -> None:
    generator = np.random.default_rng(seed)
    had = csr_matrix(generator.random((5, 9)) * (generator.random((5, 9)) < 0.4), dtype=np.float32)
    after = csr_matrix(generator.random((9, 9)) * (generator.random((9, 9)) < 0.4), dtype=np.float32)
    chosen, items = np.array([3, 0, 3]), generator.integers(0, 9, (3, 6))
    weights = np.stack([had.data, np.where(generator.random(had.nnz) < 0.5, 0, 2 * had.data)])
    out = np.zeros((2, *items.shape), np.float32)
    follow(chosen, had.indptr, had.indices, weights, after.indptr, after.indices, after.data, 9, items, out)
    for weight, answer in zip(weights, out, strict=True):
        weighted = csr_matrix((weight, had.indices, had.indptr), had.shape)
        complete = (weighted.toarray() @ after.toarray())[chosen]
        np.testing.assert_allclose(answer, np.take_along_axis(complete, items, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(
        values_at(csr_matrix(had[chosen]), items), np.take_along_axis(had.toarray()[chosen], items, axis=1)
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_product_is_read_at_some_places(seed: int) -> None:
    generator = np.random.default_rng(seed)
    had = csr_matrix(generator.random((5, 7)) * (generator.random((5, 7)) < 0.4))
    weights, items = generator.random((7, 9)).astype(np.float32), generator.integers(-1, 9, (5, 6))
    expected = np.take_along_axis(np.pad(had.toarray() @ weights, ((0, 0), (0, 1))), items, axis=1)  # -1 is the last
    np.testing.assert_allclose(products_at(had, weights, items), expected, rtol=1e-12)
