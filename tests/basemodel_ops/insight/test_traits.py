"""Traits are what the blocks of a row say."""

import numpy as np
import pytest

from basemodel_ops.insight.traits import Traits
from basemodel_ops.representation.layout import Layout

LAYOUT = Layout(
    [
        ("scalar", "trips", "", "events_7d", 1), ("scalar", "trips", "", "events_30d", 1),
        ("scalar", "trips", "", "sum_fare_30d", 1), ("scalar", "trips", "", "recency_1", 1),
        ("scalar", "trips", "", "events_all", 1), ("mean", "trips", "fare", "28", 1),
        ("mean", "trips", "fare", "365", 1), ("recency", "trips", "station", "", 3),
        ("cell", "trips", "at/0", "28", 24), ("cell", "trips", "at/0", "365", 24),
        ("cell", "trips", "at/1", "365", 7), ("cell", "trips", "fare", "365", 5),
        ("untimestamped", "riders", "tariff", "", 2),
    ]
)  # fmt: skip
ROWS = 100


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).random((ROWS, LAYOUT.length)).astype(np.float16)


def block(values: np.ndarray, kind: str, column: str, detail: str) -> np.ndarray:
    (entry,) = [entry for entry in LAYOUT.select(kind, None, column) if entry.detail == detail]
    return values[:, entry.offset : entry.end].astype(np.float64)


def shares(values: np.ndarray) -> dict[tuple, np.ndarray]:
    traits = Traits(LAYOUT)
    kept = traits.kept(values)
    result = traits.shares(kept, traits.typical(kept["amounts"], kept["times"]))
    assert result.shape == (len(values), len(traits.names))
    return {(t.kind, t.source, t.column, t.value): result[:, i] for i, t in enumerate(traits.names)}


@pytest.mark.parametrize("number", ["fare", "events", "sum_events", "seats_7d"])
def test_an_amount_is_called_as_its_column_whatever_that_is_called(number: str) -> None:
    """The number of events is called as their source."""
    details = "events_28d", f"sum_{number}_28d"
    traits = Traits(Layout([("scalar", "trips", "", detail, 1) for detail in details]))
    assert [trait.column for trait in traits.names if trait.kind == "high"] == [
        "trips in 28 days", f"{number} in 28 days",
    ]  # fmt: skip


def test_what_was_there_within_twelve_weeks_is_held(values: np.ndarray) -> None:
    recency = 2.0 ** (-np.array([83, 84, 85]) / 28)
    (entry,) = LAYOUT.select("recency")
    values[0, entry.offset : entry.end] = recency
    result = shares(values)
    assert [result["held", "trips", "station", row_index][0] for row_index in range(3)] == [1, 1, 0]


def test_attributes_are_those_that_hold(values: np.ndarray) -> None:
    attributes = block(values, "untimestamped", "tariff", "")
    for row_index in range(2):
        assert np.array_equal(shares(values)["fact", "riders", "tariff", row_index], attributes[:, row_index] >= 0.5)


@pytest.mark.parametrize(
    ("kind", "column", "detail", "words"),
    [
        ("scalar", "", "events_30d", "trips in 30 days"), ("scalar", "", "sum_fare_30d", "fare in 30 days"),
        ("scalar", "", "recency_1", "days since the last of trips"), ("mean", "fare", "365", "mean fare"),
    ],
)  # fmt: skip
def test_a_fifth_is_a_fifth(values: np.ndarray, kind: str, column: str, detail: str, words: str) -> None:
    amount, result = block(values, kind, column, detail)[:, 0], shares(values)
    order = np.argsort(amount)
    high, low = result["high", "trips", words, "highest fifth"], result["low", "trips", words, "lowest fifth"]
    assert abs(high.sum() - 20) <= 1
    assert abs(low.sum() - 20) <= 1
    assert high[order[-19:]].all()
    assert low[order[:19]].all()


def test_times_are_shares_of_the_events(values: np.ndarray) -> None:
    hours, result = np.expm1(block(values, "cell", "at/0", "365")), shares(values)
    expected = hours[:, 8:12].sum(axis=1) / hours.sum(axis=1)
    np.testing.assert_allclose(result["time", "trips", "at", "8-12 h"], expected, rtol=1e-4)
    days = np.expm1(block(values, "cell", "at/1", "365"))
    np.testing.assert_allclose(result["time", "trips", "at", "Sunday"], days[:, 6] / days.sum(axis=1), rtol=1e-4)


def test_whoever_has_no_events_has_them_at_the_usual_times(values: np.ndarray) -> None:
    for entry in LAYOUT.select("cell"):
        values[:5, entry.offset : entry.end] = 0
    sunday = shares(values)["time", "trips", "at", "Sunday"]
    np.testing.assert_allclose(sunday[:5], sunday[5:].mean(), rtol=1e-4)


def test_a_layout_without_any_of_them_has_no_traits() -> None:
    traits = Traits(Layout([("calendar", "", "", "", 2)]))
    kept = traits.kept(np.zeros((3, 2), np.float16))
    assert traits.names == []
    assert traits.shares(kept, traits.typical(kept["amounts"], kept["times"])).shape == (3, 0)
