"""Odd values, as encoders and readers meet them: read rightly, unknown, or refused by the name of their column."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.encoders import Vocabulary, fit_encoder
from basemodel_ops.representation import EventReader
from basemodel_ops.warehouse.values import FIRST, LAST, portable_values

from .outcomes import outcome, shows

ENDS = np.iinfo(np.int64).max
MOMENT = 1_704_067_200_123_456  # 2024-01-01 00:00:00.123456

MOMENTS: dict[str, tuple[pa.Array, int | None]] = {
    "microseconds": (pa.array([MOMENT], pa.timestamp("us")), MOMENT),
    "with a zone": (pa.array([MOMENT], pa.timestamp("us", "America/Los_Angeles")), MOMENT),
    "in UTC": (pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")), 1_704_067_200_000_000),
    "nanoseconds": (pa.array([MOMENT * 1000 + 999], pa.timestamp("ns")), MOMENT),
    "nanoseconds before 1970": (pa.array([-1], pa.timestamp("ns")), -1),
    "1677, beyond nanoseconds": (pa.array([datetime(1677, 1, 1)], pa.timestamp("us")), -107_015 * 86_400_000_000),
    "seconds": (pa.array([MOMENT // 1_000_000], pa.timestamp("s")), MOMENT // 1_000_000 * 1_000_000),
    "nothing": (pa.array([None], pa.timestamp("ns")), None),
    **{f"infinity in {unit}": (pa.array([ENDS], pa.timestamp(unit)), LAST) for unit in ("s", "ms", "us", "ns")},
    **{f"-infinity in {unit}": (pa.array([-ENDS], pa.timestamp(unit)), FIRST) for unit in ("s", "ms", "us", "ns")},
}


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("chunked", [False, True])
def test_moments_are_microseconds_in_utc_that_python_can_hold(name: str, chunked: bool) -> None:
    column, expected = MOMENTS[name]
    rows = pa.table({"at": column}) if chunked else pa.RecordBatch.from_arrays([column], names=["at"])
    result = portable_values(rows)
    assert result.schema.field("at").type == pa.timestamp("us")
    assert result.column(0).cast(pa.int64()).to_pylist() == [expected]
    result.to_pylist()  # as datetimes


def test_dates_without_end_are_the_first_and_the_last_there_are() -> None:
    days = pa.array([2**31 - 1, -(2**31), 0, None], pa.int32()).cast(pa.date32())
    result = portable_values(pa.table({"on": days})).column(0).to_pylist()
    assert result == [date.max, date.min, date(1970, 1, 1), None]


def test_enums_are_their_texts() -> None:
    column = pa.chunked_array([pa.array(["a", None]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
    assert portable_values(pa.table({"mood": column})).column(0).to_pylist() == ["a", None, "b"]


def test_what_is_plain_is_not_copied() -> None:
    rows = pa.table({"at": pa.array([MOMENT], pa.timestamp("us")), "x": [1]})
    assert portable_values(rows) is rows


NUMBERS: dict[str, tuple[pa.Array, list[float]]] = {
    "booleans": (pa.array([True, False, None]), [1, 0, np.nan]),
    "integers": (pa.array([1, 2, None], pa.int16()), [1, 2, np.nan]),
    "large integers": (pa.array([2**63, 0, None], pa.uint64()), [2.0**63, 0, np.nan]),
    "floats": (pa.array([0.5, np.nan, np.inf]), [0.5, np.nan, np.inf]),
    "decimals": (pa.array([Decimal("0.25"), None, Decimal(3)]), [0.25, np.nan, 3]),
    "decimals of 23 digits": (pa.array([Decimal(10**22), None, None], pa.decimal128(23, 0)), [1e22, np.nan, np.nan]),
    "nulls": (pa.nulls(3), [np.nan] * 3),
}


def reader(entity: pa.Array, **columns: str) -> EventReader:
    encoders = {name: fit_encoder(kind, []) for name, kind in columns.items() if kind != "number"}
    numbers = tuple(name for name, kind in columns.items() if kind == "number")
    return EventReader("visits", Vocabulary(entity, np.ones(len(entity), np.int64)), "who", "at", None, {}, numbers,
                       encoders=encoders)  # fmt: skip


def batch(**columns: pa.Array) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    who, at = pa.array(["a"] * rows), pa.array([MOMENT] * rows, pa.timestamp("us"))
    return pa.RecordBatch.from_arrays([who, at, *columns.values()], names=["who", "at", *columns])


@pytest.mark.parametrize("name", NUMBERS)
def test_reader_and_encoder_read_a_number_alike(name: str) -> None:
    column, expected = NUMBERS[name]
    (events,) = reader(pa.array(["a"]), x="number").read([batch(x=column)])
    np.testing.assert_array_equal(events.numbers["x"], np.array(expected, np.float32))
    encoder = fit_encoder("number", [column])
    known = np.isfinite(expected)
    np.testing.assert_array_equal(encoder.cells(column)[:, 0] >= 0, known)
    np.testing.assert_array_equal(encoder.features(column)[:, 1], known)
    assert np.isfinite(encoder.features(column)).all()


REFUSED: dict[str, tuple[str, pa.Array]] = {
    "a text as a number": ("number", pa.array(["much"])),
    "a moment as a number": ("number", pa.array([MOMENT], pa.timestamp("us"))),
    "an array as a number": ("number", pa.array([[1]])),
    "a text as a time": ("time", pa.array(["noon"])),
    "an interval as a time": ("time", pa.array([pa.MonthDayNano([0, 1, 0])])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_column(name: str) -> None:
    kind, column = REFUSED[name]
    text = outcome(lambda: list(reader(pa.array(["a"]), odd=kind).read([batch(odd=column)])))
    shows(text, ("'odd'", "visits", f"cannot be read as {kind}", "Cast it in its dbt model"))


EMPTY: dict[str, list[pa.Array]] = {
    "number": [
        pa.nulls(4, pa.float64()), pa.array([np.nan] * 4), pa.array([np.inf, -np.inf] * 2), pa.array([7.0] * 4),
        pa.array([7] * 4),
    ],
    "text": [pa.nulls(4, pa.string()), pa.array(["same"] * 4), pa.array([""] * 4)],
    "time": [pa.nulls(4, pa.timestamp("us")), pa.array([MOMENT] * 4, pa.timestamp("us")), pa.nulls(4, pa.time64("us"))],
    "image": [pa.nulls(4, pa.binary()), pa.array([b"no picture"] * 4)],
}  # fmt: skip


@pytest.mark.parametrize("kind", EMPTY)
def test_a_column_that_is_null_or_one_value_everywhere_is_encoded(kind: str) -> None:
    for column in EMPTY[kind]:
        encoder = fit_encoder(kind, [column, column])
        cells, features = encoder.cells(column), encoder.features(column)
        assert (cells == cells[0]).all()
        assert np.isfinite(features).all()
        if column.null_count == len(column):
            assert (cells == -1).all()
            assert not features.any()


@pytest.mark.parametrize("column", [pa.nulls(4, pa.string()), pa.array(["same"] * 4)], ids=["null", "same"])
def test_a_category_that_is_null_or_one_value_everywhere_is_encoded(column: pa.Array) -> None:
    vocabulary, codes = Vocabulary.of_groups(column, np.ones(4))
    assert codes.tolist() == ([-1] * 4 if column.null_count else [0] * 4)
    assert vocabulary.encode(pa.nulls(4)).tolist() == [-1] * 4


def test_a_time_of_day_has_an_hour_and_no_day_and_what_has_no_end_has_neither() -> None:
    encoder = fit_encoder("time", [])
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        assert encoder.cells(pa.array([time(13, 30), None], kind)).tolist() == [[13, -1, -1], [-1, -1, -1]]
    assert not encoder.features(pa.array([time(13, 30)], pa.time64("us")))[:, 2:].any()
    endless = portable_values(pa.table({"at": pa.array([ENDS, -ENDS], pa.timestamp("us"))})).column(0)
    assert (encoder.cells(endless.combine_chunks()) == -1).all()
    assert (encoder.cells(pa.array([date(9999, 12, 31)])) == -1).all()


IDS: dict[str, tuple[pa.Array, pa.Array, list[int]]] = {
    "leading zeros": (pa.array(["007", "7"]), pa.array(["7", "007", "07"]), [1, 0, -1]),
    "case and blanks": (pa.array(["Ann", "ann "]), pa.array(["ann", "Ann", "ann "]), [-1, 0, 1]),
    "emoji": (pa.array(["🦊", "🦊🦊"]), pa.array(["🦊🦊", "🦊", "fox"]), [1, 0, -1]),
    "23 digits": (
        pa.array([Decimal(10**22), Decimal(10**22 + 1)], pa.decimal128(23, 0)),
        pa.array([Decimal(10**22 + 1), Decimal(10**22 + 2), None], pa.decimal128(23, 0)),
        [1, -1, -1],
    ),
    "widths": (pa.array([-3, 5], pa.int64()), pa.array([5, -3, 4], pa.int16()), [1, 0, -1]),
    "beyond 64 bits with a sign": (
        pa.array([2**64 - 1, 1], pa.uint64()), pa.array([2**64 - 1, 1, 2**63], pa.uint64()), [0, 1, -1],
    ),
    "a negative one is no large one": (pa.array([2**64 - 1, 1], pa.uint64()), pa.array([-1, 1, None]), [-1, 1, -1]),
    "a large one is no negative one": (pa.array([-1, 1]), pa.array([2**64 - 1, 1, None], pa.uint64()), [-1, 1, -1]),
}  # fmt: skip


@pytest.mark.parametrize("name", IDS)
def test_an_id_is_never_cut_rounded_or_matched_by_accident(name: str) -> None:
    known, requested, expected = IDS[name]
    assert Vocabulary(known, np.ones(len(known), np.int64)).encode(requested).tolist() == expected


MISMATCHED: dict[str, Callable[[], pa.Array]] = {
    "a text among numbers": lambda: pa.array([1, 2]),
    "a text among decimals": lambda: pa.array([Decimal(1)]),
}


@pytest.mark.parametrize("name", MISMATCHED)
def test_ids_of_another_type_are_refused_by_the_name_of_their_column(name: str) -> None:
    text = outcome(lambda: list(reader(MISMATCHED[name](), x="number").read([batch(x=pa.array([1.0]))])))
    shows(text, ("'who'", "visits", "none could match", "Cast one of them in its dbt model"))
