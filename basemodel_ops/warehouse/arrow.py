"""Arrow on its way in and out: plain types, their SQL names, batches of bounded size, a hash of the content."""

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.errors import WarehouseError

BATCH_BYTES = 64 * 2**20
"""A batch is cut before it takes more memory than this, however few its rows are."""

SQL_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (lambda kind: pa.types.is_int8(kind) or pa.types.is_uint8(kind) or pa.types.is_int16(kind), "smallint"),
    (lambda kind: pa.types.is_uint16(kind) or pa.types.is_int32(kind), "int"),
    (lambda kind: pa.types.is_uint32(kind) or pa.types.is_int64(kind), "bigint"),
    (lambda kind: pa.types.is_float16(kind) or pa.types.is_float32(kind), "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_date32, "date"),
    (lambda kind: pa.types.is_timestamp(kind) and kind.tz is None, "timestamp_ntz"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_string, "text"),
)


def to_portable(table: pa.Table) -> pa.Table:
    """The same rows in the few types that every warehouse has: dictionaries decoded, moments in microseconds.

    Raises:
        WarehouseError: a moment would lose its nanoseconds.
    """
    try:
        return table.cast(portable_schema(table.schema))
    except pa.ArrowInvalid as error:
        raise WarehouseError(f"A column does not fit its type in a warehouse: {error}. Round it first.") from error


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the types of a schema of the same names.

    Raises:
        WarehouseError: a value does not fit its type; names the column. None is cut, rounded or wrapped.
    """
    columns = []
    for column, field in zip(rows.columns, schema, strict=True):
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException as error:
            raise unfit(field.name, column.type, field.type) from error
    return pa.Table.from_arrays(columns, schema=schema)


def unfit(name: str, kind: pa.DataType, wanted: pa.DataType) -> WarehouseError:
    """The error for a column with a value that cannot be read exactly."""
    return WarehouseError(
        f"Column {name!r} holds {kind} values beyond {wanted}, in which they are read. Cast it in its dbt model: an id "
        "to a text, a number to a double."
    )


def portable_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of the same rows in plain types."""
    return pa.schema([pa.field(field.name, _portable_type(field.type)) for field in schema])


def _portable_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _portable_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_uint64(kind):  # the one width of whole numbers that goes beyond the widest of most warehouses
        return pa.decimal128(20, 0)
    return pa.date32() if pa.types.is_date64(kind) else kind


def sql_type(field: pa.Field) -> exp.DataType:
    """The SQL type of a plain field; WarehouseError that names the column if there is none."""
    kind = field.type
    if pa.types.is_decimal(kind):
        return exp.DataType.build(f"decimal({kind.precision}, {kind.scale})")
    for holds, name in SQL_TYPES:
        if holds(kind):
            return exp.DataType.build(name, dialect="snowflake" if name == "timestamp_ntz" else None)
    raise WarehouseError(
        f"Column {field.name!r} is {kind}, which the warehouses do not all have. Write numbers, texts, booleans, "
        "bytes, dates, or moments without a zone."
    )


def columns_of(schema: pa.Schema) -> list[exp.ColumnDef]:
    """Columns of a table that holds rows of a plain schema."""
    return [defined(field.name, sql_type(field)) for field in schema]


ADDED = {"basemodel": "added"}


def added(field: pa.Field) -> pa.Field:
    """The field as one that a table of older rows may lack: the column is then added, null in these."""
    return field.with_metadata(ADDED)


def is_added(field: pa.Field) -> bool:
    """Whether a table of older rows may lack the column."""
    return (field.metadata or {}).get(b"basemodel") == b"added"


def defined(name: str, kind: exp.DataType) -> exp.ColumnDef:
    """A column and its type."""
    return exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=kind)


def rebatched(batches: Iterable[pa.RecordBatch], rows: int, size: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
    """The same rows in the same order: full batches of `rows`, or fewer where they would take over `size` bytes."""
    held: list[pa.RecordBatch] = []
    count = volume = 0
    for batch in batches:
        step = max(1, min(rows, size * batch.num_rows // max(batch.nbytes, 1)))
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, min(step, rows - count, batch.num_rows - start))
            if held and volume + part.nbytes > size:
                yield _concat(held)
                held, count, volume = [], 0, 0
                continue
            held.append(part)
            count, volume, start = count + part.num_rows, volume + part.nbytes, start + part.num_rows
            if count == rows:
                yield _concat(held)
                held, count, volume = [], 0, 0
    if held:
        yield _concat(held)


def _concat(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def content_hash(content: pa.Table | pa.RecordBatchReader) -> tuple[int, int, int]:
    """Rows, and two sums of row hashes that do not depend on their order. One batch is in memory at a time."""
    names = [exp.column(name, quoted=True) for name in content.schema.names]
    hashed = exp.func("hash", *names)
    query = exp.select(
        exp.Count(this=exp.Star()),
        exp.func("bit_xor", hashed),
        exp.func("sum", exp.Mod(this=hashed.copy(), expression=exp.Literal.number(1_000_000_007))),
    ).from_("content")
    with duckdb.cursor() as connection:  # to make a database takes ten times as long as to hash a small partition
        connection.register("content", content)
        (result,) = connection.execute(query.sql("duckdb")).fetchall()
    count, mixed, total = (int(value or 0) for value in result)
    return count, mixed, total


def combined(first: tuple[int, int, int], second: tuple[int, int, int]) -> tuple[int, int, int]:
    """The content hash of the rows of both."""
    return first[0] + second[0], first[1] ^ second[1], first[2] + second[2]


def foreign_rows(table: pa.Table, column: str, value: object) -> int:
    """Rows whose column is not `value`; nulls are not."""
    wanted = pa.scalar(value, table.column(column).type)
    return table.num_rows - (pc.sum(pc.equal(table.column(column), wanted)).as_py() or 0)
