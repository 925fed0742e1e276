"""Days since moments that rows name: by a loop over the events, and never of what lies ahead unless it is planned."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.encoders import Vocabulary, fit_encoder, track_names
from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.representation.elapsed import elapsed_specs, elapsed_values, history_elapsed
from basemodel_ops.representation.events import EventReader
from basemodel_ops.representation.history import DAY, History

from .histories import FIRST, HOUR, random_history, where

CUTOFFS = FIRST + np.array([0, 9, 10, 25, 40]) * DAY


def with_moments(seed: int) -> History:
    """A history whose events name a moment up to twelve days before or after, or none."""
    history, generator = random_history(seed), np.random.default_rng(seed + 1)
    lead = (generator.integers(-12 * 24, 12 * 24, len(history.time)) * HOUR / DAY).astype(np.float32)
    lead[generator.random(len(lead)) < 0.3] = np.nan
    return replace(history, numbers={**history.numbers, "ends": lead})


def newest_by_loop(history: History, cutoff: int, entity: int, planned: bool) -> tuple[float, float, float]:
    result = (0.0, 0.0, 0.0)
    for event in range(history.start[entity], history.start[entity + 1]):
        lead = float(history.numbers["ends"][event])
        if history.time[event] < cutoff and np.isfinite(lead):
            days = (cutoff - history.time[event] - round(lead * 24) * HOUR) / DAY
            if planned or days > 0:
                result = (days, 1.0, lead)
    return result


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_newest_event_that_knows_a_moment_tells_it(seed: int, planned: bool) -> None:
    history = with_moments(seed)
    result = history_elapsed(history, {"ends": planned}, CUTOFFS)
    assert result.shape == (history.entities, len(CUTOFFS), len(elapsed_specs("visits", ("ends",), with_lead=True)))
    for entity in range(history.entities):
        for index, cutoff in enumerate(CUTOFFS):
            days, known, lead = newest_by_loop(history, int(cutoff), entity, planned)
            expected = [signed_log1p(np.array(days)), known, signed_log1p(np.array(lead))]
            np.testing.assert_allclose(result[entity, index], expected, atol=1e-4)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_later_events_and_moments_leave_values_unchanged(seed: int) -> None:
    """Neither later events nor moments ahead of the cutoff, as a table that is filled in afterwards has them."""
    history, cutoff = with_moments(seed), CUTOFFS[2:3]
    early = where(history, history.time < cutoff[0])
    for planned in (True, False):
        np.testing.assert_array_equal(
            history_elapsed(history, {"ends": planned}, cutoff), history_elapsed(early, {"ends": planned}, cutoff)
        )
    lead = early.numbers["ends"].copy()
    is_future = early.time + lead * DAY >= cutoff[0]
    lead[is_future] += 5
    for later in (lead, np.where(is_future, np.nan, lead)):  # it is another moment, or not yet there
        moved = replace(early, numbers={**early.numbers, "ends": later.astype(np.float32)})
        np.testing.assert_array_equal(
            history_elapsed(moved, {"ends": False}, cutoff), history_elapsed(early, {"ends": False}, cutoff)
        )


@given(st.integers(1, 1_000 * DAY), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_date_that_is_the_cutoff_s_own_is_unknown_whenever_its_event_was(ago: int, later: int) -> None:
    """Days are kept in single precision: half of such moments would round to before the cutoff."""
    time = np.array([FIRST - ago])
    lead = np.array([(FIRST + later - time[0]) / DAY], np.float32)
    history = History(np.array([0, 1]), time, None, {}, {"returned": lead})
    np.testing.assert_array_equal(history_elapsed(history, {"returned": False}, np.array([FIRST])), 0)
    known = history_elapsed(history, {"returned": False}, np.array([FIRST + 60_000_000]))  # by a minute on
    np.testing.assert_allclose(known[0, 0, 1:], [1, np.log1p(ago / DAY)], atol=1e-4)


def test_a_planned_end_is_so_many_days_ahead() -> None:
    cutoff = np.array([FIRST])
    future, passed = (elapsed_values(cutoff + days * DAY, np.array([True]), cutoff, planned=True) for days in (30, -30))
    np.testing.assert_allclose(future, [[-np.log(31), 1]], rtol=1e-6)
    np.testing.assert_allclose(passed, [[np.log(31), 1]], rtol=1e-6)
    np.testing.assert_array_equal(elapsed_values(cutoff + DAY, np.array([True]), cutoff, planned=False), [[0, 0]])


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us"), pa.timestamp("ns"), pa.date32(), pa.timestamp("us", "Asia/Tokyo")]
)
def test_the_reader_counts_days_from_the_event_to_what_it_names(kind: pa.DataType) -> None:
    reader = EventReader("plans", Vocabulary(pa.array(["a"]), np.array([1])), "person", "at", moments={"ends": False})
    day = 20_000
    ends = pa.array([(day + 3) * DAY, None, 0], pa.timestamp("us", getattr(kind, "tz", None))).cast(kind)
    batch = pa.record_batch({"person": ["a"] * 3, "at": pa.array([day * DAY] * 3, pa.timestamp("us")), "ends": ends})
    (events,) = reader.read([batch])
    np.testing.assert_array_equal(events.numbers["ends"], np.array([3, np.nan, -day], np.float32))
    assert reader.empty_events().numbers.keys() == events.numbers.keys()


@pytest.mark.parametrize("planned", [True, False])
def test_an_hour_that_comes_after_its_event_is_counted_only_if_it_is_planned(planned: bool) -> None:
    reader = EventReader(
        "plans", Vocabulary(pa.array(["a"]), np.array([1])), "person", "at", encoders={"ends": fit_encoder("time", [])},
        moments={"ends": planned},
    )  # fmt: skip
    times = {"at": [9, 9, 9], "ends": [8, 9, 17]}
    moment = pa.timestamp("us")
    hours = {name: pa.array([FIRST + hour * HOUR for hour in at], moment) for name, at in times.items()}
    (events,) = reader.read([pa.record_batch({"person": ["a"] * 3, **hours})])
    track = track_names("ends", 3)[0]
    np.testing.assert_array_equal(events.item_ids[track], [8, 9, 17 if planned else -1])


def test_an_hour_of_an_item_is_unknown_to_events_before_it() -> None:
    items, person = Vocabulary(pa.array(["x", "y"]), np.array([1, 1])), Vocabulary(pa.array(["a"]), np.array([1]))
    hours, since = np.array([5, 17], np.int32), FIRST + np.array([5, 17]) * HOUR
    reader = EventReader(
        "plays", person, "person", "at", None, {"item": items}, maps={"item.out": ("item", hours)},
        since={"item.out": since},
    )  # fmt: skip
    at = pa.array([FIRST + hour * HOUR for hour in (4, 5, 16, 17, 17)], pa.timestamp("us"))
    batch = pa.record_batch({"person": ["a"] * 5, "at": at, "item": ["x", "x", "y", "y", "unseen"]})
    (events,) = reader.read([batch])
    np.testing.assert_array_equal(events.item_ids["item.out"], [-1, 5, -1, 17, -1])
