"""What lies between the newest events of two sources, against a plain loop."""

from itertools import combinations
from math import log1p

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History, history_layout, history_values
from basemodel_ops.representation.between import SOURCES, between_specs, between_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.recent import MINUTE
from basemodel_ops.representation.scalars import ABSENT_DAYS

from .histories import FIRST, HOUR, plan, random_history, where


def newest(history: History, entity: int, cutoff: int) -> int | None:
    """Moment of the newest event of one entity before the cutoff."""
    times = history.time[history.start[entity] : history.start[entity + 1]]
    return max((time for time in times.tolist() if time < cutoff), default=None)


def expected(first: int | None, other: int | None) -> float:
    """The signed logarithm of the time from one moment to the other."""
    if first is None or other is None:
        return log1p(ABSENT_DAYS * 24 * 60) * ((other is not None) - (first is not None))
    apart = log1p(abs(other - first) / MINUTE)
    return apart if other > first else -apart


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 12))
def test_the_time_between_is_that_of_a_plain_loop(seed: int, events: int) -> None:
    histories = [random_history(seed + n, 4, events * n) for n in range(3)]
    cutoffs = FIRST + np.array([0, 9 * 24, 31 * 24]) * HOUR
    result = between_values(histories, cutoffs)
    assert result.shape == (4, len(cutoffs), len(between_specs(["a", "b", "c"])))
    for entity in range(4):
        for at, cutoff in enumerate(cutoffs.tolist()):
            moments = [newest(history, entity, cutoff) for history in histories]
            described = [expected(*pair) for pair in combinations(moments, 2)]
            np.testing.assert_allclose(result[entity, at], described, rtol=1e-5, atol=1e-6)


def test_events_at_or_after_a_cutoff_change_nothing() -> None:
    histories, cutoff = [random_history(n) for n in (1, 2)], np.array([FIRST + 15 * DAY])
    before = [where(history, history.time < cutoff[0]) for history in histories]
    np.testing.assert_array_equal(between_values(histories, cutoff), between_values(before, cutoff))


def test_rows_hold_what_their_layout_says_of_two_sources() -> None:
    histories, plans = [random_history(n) for n in (3, 4)], [plan("visits"), plan("calls")]
    cutoffs = FIRST + np.array([10, 20]) * DAY
    layout = history_layout(plans, (7.0,), (7.0,), (7,))
    rows = history_values(histories, plans, cutoffs, (7.0,), (7.0,), (7,))
    (block,) = layout.select("between")
    assert (block.source, block.detail) == ("visits", "calls")
    assert rows.shape[2] == layout.length
    np.testing.assert_allclose(
        rows[..., block.offset : block.end], between_values(histories, cutoffs).astype(np.float16)
    )


def test_pairs_are_bounded_and_one_source_has_none() -> None:
    assert between_specs(["visits"]) == []
    assert between_values([random_history(1)], np.array([FIRST])).shape == (4, 1, 0)
    assert len(between_specs([f"source {n}" for n in range(40)])) == SOURCES * (SOURCES - 1) // 2
