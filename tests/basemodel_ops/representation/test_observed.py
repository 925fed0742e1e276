"""Amounts of windows that could not be observed whole stand for whole windows."""

import numpy as np
import pytest

from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.observed import decay_factors, observed_days, window_factors

FIRST_EVENT_TIME = 19_700 * DAY
CUTOFFS = FIRST_EVENT_TIME + np.array([-5, 1, 7, 56, 365, 730]) * DAY


def test_less_than_a_week_counts_as_a_week() -> None:
    assert observed_days(CUTOFFS, FIRST_EVENT_TIME).tolist() == [7, 7, 7, 56, 365, 730]


def test_a_steady_habit_says_the_same_at_every_cutoff() -> None:
    """One event a day: what was seen of a window, or of all time, is scaled to the window, or to a year."""
    for days, factors in zip(
        (7, 56, 365, 730), window_factors(CUTOFFS, FIRST_EVENT_TIME, (7, 28, 365))[2:], strict=True
    ):
        observed = [min(days, window) for window in (7, 28, 365)]
        np.testing.assert_allclose(factors * np.array([*observed, days]), [7, 28, 365, 365])


@pytest.mark.parametrize("life", [7.0, 28.0, 365.0])
def test_a_decayed_habit_says_the_same_at_every_cutoff(life: float) -> None:
    factors = decay_factors(CUTOFFS, FIRST_EVENT_TIME, np.array([life]))[:, 0]
    always = np.exp2(-np.arange(100_000) / life).sum()
    for days, factor in zip((7, 56, 365, 730), factors[2:], strict=True):
        assert factor * np.exp2(-np.arange(days) / life).sum() == pytest.approx(always)
