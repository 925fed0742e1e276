"""Values as every warehouse hands them out: moments in UTC microseconds of the years 1 to 9999, enums as their texts.

Warehouses have zones, nanoseconds, infinities and years that Python and Arrow cannot hold. All reads pass through here,
so that nothing behind a read meets them.
"""

from datetime import date
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
EPOCH = date(1970, 1, 1)
FIRST_DAY, LAST_DAY = (date.min - EPOCH).days, (date.max - EPOCH).days
FIRST, LAST = FIRST_DAY * 86_400_000_000, (LAST_DAY + 1) * 86_400_000_000 - 1
"""Bounds in microseconds since 1970, to which everything beyond them is brought: `-infinity` and `infinity` too."""


def portable_values(rows: Rows) -> Rows:
    """The same rows with timestamps as `timestamp[us]` in UTC, dates as `date32` and no dictionaries.

    Nanoseconds are cut, never rounded up, so what was before a whole microsecond still is.
    """
    given = rows.columns
    columns = [_portable(column) for column in given]
    if all(new is old for new, old in zip(columns, given, strict=True)):
        return rows
    return type(rows).from_arrays(columns, names=rows.schema.names)


def zoned(schema: pa.Schema) -> pa.Schema:
    """The schema with moments in UTC: in a file, a warehouse may take one without a zone for local time."""
    fields = [field.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
              for field in schema]  # fmt: skip
    return pa.schema(fields)


def _portable(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _portable(column.cast(kind.value_type))
    if pa.types.is_date64(kind):
        return _portable(column.cast(pa.date32()))
    if not (pa.types.is_timestamp(kind) or pa.types.is_date32(kind)):
        return column
    if _is_portable(column):
        return column
    if isinstance(column, pa.ChunkedArray):
        chunks = [_converted(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, pa.date32() if pa.types.is_date32(kind) else pa.timestamp("us"))
    return _converted(column)


def _is_portable(column: pa.Array | pa.ChunkedArray) -> bool:
    """Whether every value is as it should be; one pass that copies nothing."""
    days = pa.types.is_date32(column.type)
    if not days and column.type != pa.timestamp("us"):
        return False
    ends = pc.min_max(column.cast(pa.int32() if days else pa.int64()))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is None or ((FIRST_DAY if days else FIRST) <= low and high <= (LAST_DAY if days else LAST))


def _converted(column: pa.Array) -> pa.Array:
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_date32(column.type):
        days = column.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
        return pa.array(np.clip(days, FIRST_DAY, LAST_DAY), pa.int32(), mask=missing).cast(pa.date32())
    full = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if column.type.unit == "ns":
        ends = np.iinfo(np.int64).max
        out = np.where(full == ends, LAST, np.where(full <= -ends, FIRST, full // 1_000))
    else:
        size = MICROSECONDS[column.type.unit]
        inside = np.clip(full, -(-FIRST // size), LAST // size) * size
        out = np.where(full > LAST // size, LAST, inside)
    return pa.array(out, pa.int64(), mask=missing).cast(pa.timestamp("us"))
