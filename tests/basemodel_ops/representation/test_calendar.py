"""Weekday, hour and day of the year against the standard library, and which grids tell them."""

import cmath
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from basemodel_ops.representation.calendar import OFTEN, calendar_specs, calendar_values, hour, weekday

START = datetime(2024, 2, 26, tzinfo=UTC)  # a Monday before a leap day


def moments(count: int, step: timedelta) -> np.ndarray:
    return np.array([int((START + n * step).timestamp() * 1_000_000) for n in range(count)])


def details(cutoffs: np.ndarray) -> list[str]:
    return [detail for _, _, _, detail, _ in calendar_specs(cutoffs)]


@pytest.mark.parametrize(
    ("count", "step", "described"),
    [
        (7 * OFTEN, timedelta(days=1), ["weekday", ""]),
        (7 * OFTEN - 1, timedelta(days=1), [""]),
        (500, timedelta(days=7), [""]),
        (24, timedelta(days=30), [""]),
        (24 * OFTEN, timedelta(hours=1), ["weekday", "hour", ""]),
        (14 * OFTEN, timedelta(hours=12), ["weekday", "hour", ""]),
    ],
)
def test_what_a_cutoff_is_called_is_told_where_many_are_called_so(
    count: int, step: timedelta, described: list[str]
) -> None:
    assert details(moments(count, step)) == described


def test_cutoffs_that_repeat_are_one() -> None:
    assert details(np.tile(moments(8, timedelta(days=1)), OFTEN)) == [""]


def test_values_are_those_of_the_standard_library() -> None:
    cutoffs = moments(24 * OFTEN * 5, timedelta(minutes=253))
    specs = calendar_specs(cutoffs)
    result = calendar_values(cutoffs.reshape(2, -1), specs).reshape(len(cutoffs), -1)
    assert result.shape[1] == sum(length for *_, length in specs) == 4
    for moment, row in zip(cutoffs.tolist(), result, strict=True):
        there = datetime.fromtimestamp(moment / 1e6, UTC)
        assert (row[0], row[1]) == (there.weekday(), there.hour)
    year = 365.2425 * 86_400e6
    turns = [cmath.exp(2j * cmath.pi * (moment % year) / year) for moment in cutoffs.tolist()]
    np.testing.assert_allclose(result[:, 2:], [(turn.imag, turn.real) for turn in turns], atol=2e-3)


def test_moments_before_1970_have_a_weekday_and_an_hour() -> None:
    moment = np.array([int(datetime(1969, 7, 20, 20, 17, tzinfo=UTC).timestamp() * 1_000_000)])
    assert (weekday(moment)[0], hour(moment)[0]) == (6, 20)
