"""Moments against the standard library's calendar."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.encoders.time import TimeEncoder


@settings(max_examples=60, deadline=None)
@given(st.lists(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=20))
def test_cells_equal_the_calendar(moments):
    encoder = TimeEncoder.fit([])
    column = pa.array(moments, pa.timestamp("us"))
    expected = [[m.hour, m.weekday(), (m.timetuple().tm_yday - 1) // 7] for m in moments]
    assert encoder.cells(column).tolist() == expected
    features = encoder.features(column)
    np.testing.assert_allclose(features[:, ::2] ** 2 + features[:, 1::2] ** 2, 1, atol=1e-5)
    angle = [
        2 * np.pi * (m - m.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(days=1) for m in moments
    ]
    np.testing.assert_allclose(features[:, 0], np.sin(angle), atol=1e-5)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_and_dates_agree(unit):
    moments = pa.array([datetime(2024, 2, 29, 0), datetime(1969, 12, 31, 0)]).cast(pa.timestamp(unit))
    encoder = TimeEncoder()
    np.testing.assert_array_equal(
        encoder.cells(moments), encoder.cells(pa.array([date(2024, 2, 29), date(1969, 12, 31)]))
    )


def test_hours_are_those_of_the_columns_zone():
    moment = pa.array([datetime(2024, 7, 1, 23, tzinfo=UTC)], pa.timestamp("us", tz="Europe/Warsaw"))
    assert TimeEncoder().cells(moment)[0, :2].tolist() == [1, 1]  # Tuesday, one o'clock, in Warsaw
