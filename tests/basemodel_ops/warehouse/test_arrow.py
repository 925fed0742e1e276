"""Batches of bounded size, plain types, and a hash of content."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.errors import WarehouseError
from basemodel_ops.warehouse.arrow import content_hash, rebatched, sql_type, to_portable


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 40), st.integers(1, 2_000))
def test_batches_keep_rows_and_order_and_both_limits(sizes: list[int], rows: int, volume: int) -> None:
    texts = [f"text {'x' * (number % 17)} {number}" for number in range(sum(sizes))]
    table = pa.table({"number": list(range(len(texts))), "text": texts})
    parts, start = [], 0
    for size in sizes:
        parts += table.slice(start, size).combine_chunks().to_batches() if size else []
        start += size
    result = list(rebatched(parts, rows, volume))
    assert [row for batch in result for row in batch.to_pylist()] == table.to_pylist()
    for batch in result:
        assert 0 < batch.num_rows <= rows
        # A batch is cut by the mean size of the rows it came from: a few long rows may exceed it, but not twice.
        assert batch.num_rows == 1 or batch.nbytes <= 2 * volume + 64
    if volume == 2_000 and rows < 10:
        assert all(batch.num_rows == rows for batch in result[:-1])


def test_types_become_the_few_that_all_warehouses_have() -> None:
    table = pa.table({
        "a": pa.array(["x", None]).dictionary_encode(), "b": pa.array(["x"] * 2, pa.large_string()),
        "c": pa.nulls(2), "d": pa.array([1, None], pa.timestamp("ms")), "e": pa.array([b"a"] * 2, pa.large_binary()),
        "f": pa.array([1, 2], pa.int32()), "g": pa.array([2**64 - 1, None], pa.uint64()),
    })  # fmt: skip
    result = to_portable(table)
    text, moment = pa.string(), pa.timestamp("us")
    assert result.schema.types == [text, text, text, moment, pa.binary(), pa.int32(), pa.decimal128(20, 0)]
    assert result.to_pylist() == table.to_pylist()
    assert [sql_type(field).sql("duckdb") for field in result.schema] == [
        "TEXT", "TEXT", "TEXT", "TIMESTAMP", "BLOB", "INT", "DECIMAL(20, 0)"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.timestamp("us", "UTC"), pa.duration("s"), pa.uint64()])
def test_a_type_that_is_not_common_to_all_is_named(kind: pa.DataType) -> None:
    with pytest.raises(WarehouseError, match="Column 'odd' is") as caught:
        sql_type(pa.field("odd", kind))
    assert str(kind) in str(caught.value)


def test_content_is_a_multiset_of_rows() -> None:
    rows = [(1, "a", None), (2, "b", 0.5), (2, "b", 0.5), (None, "", 0.1)]

    def mark(chosen: list[tuple]) -> tuple[int, ...]:
        names = zip(("n", "t", "x"), zip(*chosen, strict=True), strict=True)
        schema = pa.schema([("n", pa.int64()), ("t", pa.string()), ("x", pa.float64())])
        return content_hash(pa.table({name: list(values) for name, values in names}, schema=schema))

    assert mark(rows) == mark(rows[::-1]) == mark([rows[2], rows[0], rows[3], rows[1]])
    others = [
        rows[:3],
        [*rows, rows[0]],
        [*rows[:1], *rows[3:]],
        [*rows[:3], (None, None, 0.1)],
        [*rows[:3], (0, "", 0.1)],
    ]
    assert len({mark(other) for other in [rows, *others]}) == 6
