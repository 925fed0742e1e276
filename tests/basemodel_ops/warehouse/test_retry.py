"""Patience: pauses that grow and are told apart, limits that hold, reads that go on where they broke."""

import random
import threading
import time
from collections.abc import Callable

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.duckdb import DuckDBSession, DuckDBWarehouse
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of
from basemodel_ops.warehouse.retry import Retries, RetryPolicy, within

ITEMS = Relation(schema_name="raw", name="things")
QUICK = RetryPolicy(total=2, first=0.001, longest=0.004)


def test_pauses_double_up_to_the_longest_with_jitter() -> None:
    pauses = RetryPolicy(first=1, longest=8).pauses(random.Random(0))
    for bound in (1, 2, 4, 8, 8, 8):
        assert bound / 2 <= next(pauses) <= bound
    others = [next(RetryPolicy(first=1, longest=8).pauses(random.Random(seed))) for seed in range(20)]
    assert len(set(others)) == 20


def test_a_retry_ends_at_the_total_and_says_how_often_it_was_tried() -> None:
    failure, started = (
        Retries(RetryPolicy(total=0.3, first=0.01, longest=0.02), random.Random(0)),
        time.monotonic(),
    )

    def try_on() -> None:
        while True:
            failure.wait(ConnectionError("the cable is out"))

    with pytest.raises(WarehouseError, match=r"asked \d+ times .* the cable is out") as caught:
        try_on()
    assert 0.2 < time.monotonic() - started < 2
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_progress_begins_the_limit_anew() -> None:
    failure = Retries(RetryPolicy(total=0.1, first=0.01, longest=0.02), random.Random(0))
    for _ in range(20):
        failure.wait(ConnectionError("now and then"))
        failure.reset()


def test_a_call_that_takes_too_long_is_left_behind_and_tidied_up_later() -> None:
    release, tidied = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        within(0.05, lambda: release.wait(30), lambda result: tidied.set())
    assert not tidied.is_set()
    release.set()
    assert tidied.wait(30)


def test_a_call_in_time_gives_its_result_or_its_error() -> None:
    assert within(30, lambda: 5) == within(None, lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        within(30, lambda: 1 // 0)


class Breaking:
    """Sessions whose streams break after some batches."""

    def __init__(self, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch, breaks: list[int]) -> None:
        self.breaks, self.opened = breaks, 0
        stream = DuckDBSession.stream

        def broken(session: DuckDBSession, query: exp.Query, rows: int) -> pa.RecordBatchReader:
            self.opened += 1
            reader = stream(session, query, rows)
            left = self.breaks.pop(0) if self.breaks else None

            def batches():
                for number, batch in enumerate(reader):
                    if number == left:
                        raise ConnectionResetError("broken")
                    yield batch

            return pa.RecordBatchReader.from_batches(reader.schema, batches())

        monkeypatch.setattr(DuckDBSession, "stream", broken)
        monkeypatch.setattr(warehouse, "_is_passing", lambda error: isinstance(error, ConnectionError))
        monkeypatch.setattr(warehouse, "_retry_policy", QUICK)


def rows_of_items(rows: int) -> pa.Table:
    # Ten rows of each value: those behind the break are told from those before it by their number alone.
    return pa.table({"value": [row // 10 for row in range(rows)], "more": ["same"] * rows})


@pytest.mark.parametrize("breaks", [[0], [1], [3, 0, 2], [0, 0, 0, 4]])
def test_a_read_goes_on_behind_the_last_row_that_arrived(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch, breaks: list[int]
) -> None:
    warehouse.load(ITEMS, rows_of_items(20_480))
    breaking = Breaking(warehouse, monkeypatch, list(breaks))
    result = pa.Table.from_batches(list(warehouse.batches(rows_query(ITEMS, ["value", "more"]), 2048)))
    assert result.equals(rows_of_items(20_480))
    assert breaking.opened == len(breaks) + 1


UNORDERED: list[Callable[[], exp.Select]] = [
    lambda: exp.select(column_of("value"), column_of("more")).from_(table_of(ITEMS)),
    lambda: exp.select(column_of("value"), column_of("more")).from_(table_of(ITEMS)).order_by(column_of("value")),
]


@pytest.mark.parametrize("query", UNORDERED)
def test_a_read_in_no_order_is_not_taken_up_in_the_middle(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch, query: Callable[[], exp.Select]
) -> None:
    warehouse.load(ITEMS, rows_of_items(20_480))
    Breaking(warehouse, monkeypatch, [0])
    assert sum(batch.num_rows for batch in warehouse.batches(query(), 2048)) == 20_480
    Breaking(warehouse, monkeypatch, [2])
    with pytest.raises(WarehouseError, match="not ordered by all its columns"):
        list(warehouse.batches(query(), 2048))
