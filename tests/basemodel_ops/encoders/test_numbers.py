"""Numbers, against the formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.encoders import NumberScale, signed_log1p


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_signed_log_is_the_signed_logarithm_and_always_finite(value: float) -> None:
    expected = math.copysign(math.log1p(abs(value)), value) if math.isfinite(value) else 0.0
    assert signed_log1p(np.array([value]))[0] == pytest.approx(expected)


def test_what_is_not_finite_stands_at_the_mean_and_does_not_move_it() -> None:
    finite = np.array([1.0, -2.0, 30.0])
    spoilt = np.array([1.0, np.nan, -2.0, np.inf, 30.0, -np.inf])
    scale = NumberScale.fit(spoilt)
    assert scale == NumberScale.fit(finite)
    encoded = scale.encode(spoilt)
    assert encoded.dtype == np.float32
    assert encoded[[1, 3, 5]].tolist() == [0, 0, 0]
    np.testing.assert_allclose([encoded[[0, 2, 4]].mean(), encoded[[0, 2, 4]].std()], [0, 1], atol=1e-6)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [7.0, 7.0]])
def test_a_column_without_spread_is_zero_everywhere(values: list[float]) -> None:
    column = np.array(values)
    np.testing.assert_allclose(NumberScale.fit(column).encode(column), np.zeros(len(values)), atol=1e-7)
