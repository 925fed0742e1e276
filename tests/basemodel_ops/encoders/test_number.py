"""Numbers: cells of equal mass, waves against the formula."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.encoders import signed_log1p
from basemodel_ops.encoders.number import SAMPLE, NumberEncoder

floats = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(floats, max_size=80), st.lists(st.integers(0, 80), max_size=3))
def test_features_equal_the_formula(column, borders):
    edges = [0, *sorted(borders), max(len(column), 80)]
    batches = [pa.array(column[low:high], pa.float64()) for low, high in pairwise(edges)]
    encoder = NumberEncoder.fit(batches, octaves=5)
    array = np.array(column, np.float64)
    finite = np.isfinite(array)
    squashed = signed_log1p(array[finite])
    mean, deviation = (squashed.mean(), squashed.std()) if finite.any() else (0, 1)
    np.testing.assert_allclose(encoder.scale.mean, mean, atol=1e-9 * max(1, abs(mean)))
    result = encoder.features(pa.array(column, pa.float64()))
    x = (signed_log1p(array) - encoder.scale.mean) / encoder.scale.deviation
    expected = [x, np.ones(len(x)), *[wave(x / 2**i) for i in range(5) for wave in (np.sin, np.cos)]]
    expected = np.where(finite[:, None], np.stack(expected, axis=1), 0)
    if deviation > 1e-6:
        np.testing.assert_allclose(encoder.scale.deviation, deviation, rtol=1e-6)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    cells = encoder.cells(pa.array(column, pa.float64()))[:, 0]
    assert ((cells == -1) == ~finite).all()
    order = np.argsort(array[finite])
    assert (np.diff(cells[finite][order]) >= 0).all()


def test_cells_hold_equal_mass():
    column = pa.array(np.random.default_rng(0).lognormal(size=20_000))
    encoder = NumberEncoder.fit([column], cells=8)
    share = np.bincount(encoder.cells(column)[:, 0], minlength=8) / len(column)
    np.testing.assert_allclose(share, 1 / 8, atol=0.01)


def test_a_long_column_is_sampled_evenly():
    values = np.random.default_rng(1).permutation(3 * SAMPLE).astype(np.float64)
    batches = [pa.array(part) for part in np.array_split(values, 37)]
    encoder = NumberEncoder.fit(batches, cells=4)
    np.testing.assert_allclose(encoder.cuts, np.array([0.25, 0.5, 0.75]) * 3 * SAMPLE, rtol=0.02)


@pytest.mark.parametrize("kind", [pa.int32(), pa.uint64(), pa.float32(), pa.decimal128(25, 2), pa.bool_()])
def test_every_kind_of_number_is_read(kind):
    column = pa.array([0, 1, 1, None]).cast(kind)
    encoder = NumberEncoder.fit([column])
    assert encoder.cells(column)[:, 0].tolist()[3] == -1
    assert encoder.features(column)[0, 0] < encoder.features(column)[1, 0]


def test_a_constant_has_one_cell_and_no_spread():
    encoder = NumberEncoder.fit([pa.array([5.0] * 10)])
    assert encoder.scale.deviation == 1
    assert len(np.unique(encoder.cells(pa.array([5.0, 5.0])))) == 1
    assert encoder.features(pa.array([5.0]))[0, 0] == 0
