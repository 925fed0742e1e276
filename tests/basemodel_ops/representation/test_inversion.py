"""Stored rows give their counts back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation.inversion import invert_sketch

from .formulas import normalise_rows


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([4, 64, 256]), st.floats(0.01, 1e4))
def test_counts_come_back_from_normalised_rows_and_their_mass(seed: int, depth: int, width: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    counts = generator.random((depth, width)) * scale * (generator.random((depth, width)) < 0.5)
    stored = normalise_rows(counts.reshape(1, -1), depth, width).reshape(depth, width)
    np.testing.assert_allclose(invert_sketch(stored, counts.sum(axis=1)), counts, rtol=1e-6, atol=1e-9 * scale)


def test_half_precision_costs_about_a_percent() -> None:
    counts = np.random.default_rng(0).gamma(0.3, 5.0, (10, 128))
    stored = normalise_rows(counts.reshape(1, -1), 10, 128).astype(np.float16).reshape(10, 128)
    total_weight = np.expm1(np.log1p(counts.sum(axis=1)).astype(np.float16).astype(float))
    large = counts > 1
    np.testing.assert_allclose(invert_sketch(stored, total_weight)[large], counts[large], rtol=0.03)


def test_an_empty_row_holds_nothing() -> None:
    np.testing.assert_array_equal(invert_sketch(np.zeros((2, 8)), np.zeros(2)), np.zeros((2, 8)))
