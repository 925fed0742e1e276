"""Automatic scalars against a plain loop over events."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.scalars import (
    ABSENT_DAYS,
    RECENT_DAYS,
    history_scalars,
    scalar_names,
    target_scalars,
)

from .histories import FIRST, HOUR, history_of, random_history

WINDOWS = (1, 7, 30)
CUTOFFS = FIRST + np.array([0, 5, 6, 14, 40]) * DAY
SEEDS = st.integers(0, 10_000)


class Event(NamedTuple):
    time: int
    session: int
    value: float


def events_of(history: History, entity: int) -> list[Event]:
    assert history.session is not None
    rows = range(history.start[entity], history.start[entity + 1])
    value = history.numbers["value"]
    return [
        Event(int(history.time[i]), int(history.session[i]), 0.0 if math.isnan(value[i]) else float(value[i]))
        for i in rows
    ]


def totals(events: list[Event], low: int | None, high: int) -> list[float]:
    """Events, sessions that begin, days that begin and the sum in [low, high)."""

    def inside(time: int) -> bool:
        return (low is None or low <= time) and time < high

    session_begins = {event.session: min(e.time for e in events if e.session == event.session) for event in events}
    day_begins = {
        event.time // DAY: min(e.time for e in events if e.time // DAY == event.time // DAY) for event in events
    }
    return [
        sum(inside(event.time) for event in events),
        sum(map(inside, session_begins.values())),
        sum(map(inside, day_begins.values())),
        sum(event.value for event in events if inside(event.time)),
    ]


def log(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)


def past(events: list[Event], cutoff: int) -> list[float]:
    seen = max((cutoff - FIRST) / DAY, 7)
    windows = [
        total * window / min(window, seen)
        for window in WINDOWS
        for total in totals(events, cutoff - window * DAY, cutoff)
    ]
    always = [total * 365 / seen for total in totals(events, None, cutoff)]
    before = [event for event in events if event.time < cutoff]
    days = sorted({event.time // DAY for event in before}, reverse=True)
    recency = [(cutoff - days[k - 1] * DAY) / DAY if len(days) >= k else ABSENT_DAYS for k in RECENT_DAYS]
    tenure = (cutoff - days[-1] * DAY) / DAY * 365 / seen if days else 0
    gap = (days[0] - days[-1]) / (len(days) - 1) if len(days) > 1 else ABSENT_DAYS
    rest = [*recency, tenure, gap, recency[0] / max(gap, 0.5)]
    return [log(value) for value in [*windows, *always, *rest]]


def future(events: list[Event], cutoff: int, horizons: tuple[int, ...]) -> list[float]:
    result = []
    for days in horizons:
        total = totals(events, cutoff, cutoff + days * DAY)
        result += [float(total[0] > 0), *map(log, total)]
    waits = [(event.time - cutoff) / DAY for event in events if event.time >= cutoff]
    return [*result, math.log1p(min([*waits, max(horizons)]))]


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 80))
def test_history_scalars_equal_a_loop_over_events(seed: int, events: int) -> None:
    history = random_history(seed, events=events)
    result = history_scalars(history, CUTOFFS, WINDOWS, FIRST)
    assert result.shape == (4, len(CUTOFFS), len(scalar_names(["value"], WINDOWS)))
    for entity in range(4):
        for index, cutoff in enumerate(CUTOFFS.tolist()):
            expected = past(events_of(history, entity), cutoff)
            np.testing.assert_allclose(result[entity, index], expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 80))
def test_future_scalars_equal_a_loop_over_events(seed: int, events: int) -> None:
    history = random_history(seed, events=events)
    result = target_scalars(history, CUTOFFS, (1, 7))
    for entity in range(4):
        for index, cutoff in enumerate(CUTOFFS.tolist()):
            expected = future(events_of(history, entity), cutoff, (1, 7))
            np.testing.assert_allclose(result[entity, index], expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_cutoff_alone_says_what_it_says_among_others(seed: int) -> None:
    history = random_history(seed)
    together = history_scalars(history, CUTOFFS, WINDOWS, FIRST)
    for index in range(len(CUTOFFS)):
        alone = history_scalars(history, CUTOFFS[index : index + 1], WINDOWS, FIRST)
        np.testing.assert_array_equal(alone[:, 0], together[:, index])


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(0, 4), st.integers(0, 4))
def test_a_part_of_the_entities_says_what_it_says_among_all(seed: int, low: int, high: int) -> None:
    low, high = sorted((low, high))
    history = random_history(seed)
    np.testing.assert_array_equal(
        history_scalars(history.part(low, high), CUTOFFS, WINDOWS, FIRST),
        history_scalars(history, CUTOFFS, WINDOWS, FIRST)[low:high],
    )


@pytest.mark.parametrize(
    ("hours", "in_past", "in_future"), [(-24, 1, 0), (-25, 0, 0), (-1, 1, 0), (0, 0, 1), (24, 0, 0)]
)
def test_windows_are_half_open(hours: int, in_past: int, in_future: int) -> None:
    cutoff = np.array([FIRST])
    history = history_of(np.array([0]), cutoff + hours * HOUR, 1)
    events_1d = scalar_names(["value"], (1,)).index("events_1d")
    assert history_scalars(history, cutoff, (1,), FIRST - 9 * DAY)[0, 0, events_1d] == pytest.approx(
        in_past * math.log(2)
    )
    assert target_scalars(history, cutoff, (1,))[0, 0, 0] == in_future


def test_without_sessions_every_event_is_one() -> None:
    history = replace(random_history(3), session=None)
    names = scalar_names(["value"], WINDOWS)
    result = history_scalars(history, CUTOFFS, WINDOWS, FIRST)
    np.testing.assert_array_equal(result[..., names.index("sessions_all")], result[..., names.index("events_all")])


def test_infinite_numbers_add_nothing() -> None:
    history = random_history(3)
    value = np.where(np.isnan(history.numbers["value"]), np.inf, history.numbers["value"]).astype(np.float32)
    np.testing.assert_array_equal(
        history_scalars(replace(history, numbers={"value": value}), CUTOFFS, WINDOWS, FIRST),
        history_scalars(history, CUTOFFS, WINDOWS, FIRST),
    )
