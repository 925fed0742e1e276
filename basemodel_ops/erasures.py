"""Entities that are to be forgotten: a table of digests in the warehouse, which behavior models leave out.

Digests, not ids: the table must outlive the entity's last row, or an old copy of the raw data would bring it back.
Whoever holds an id can ask whether it was forgotten; the table alone does not name it.
"""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query

ERASED = Relation(schema_name="basemodel", name="forgotten")
"""Columns `digest` (SHA-256 of the id as text, hexadecimal) and `forgotten_at`."""


def kind_of(data_type: pa.DataType) -> str:
    """`integer` or `text`: ids of these have one text form in every warehouse.

    Raises:
        DataError: the type is another.
    """
    if pa.types.is_integer(data_type) or (pa.types.is_decimal(data_type) and data_type.scale == 0):
        return "integer"
    if pa.types.is_string(data_type) or pa.types.is_large_string(data_type):
        return "text"
    raise DataError(
        f"Ids of type {data_type} cannot be forgotten, since warehouses write them in different ways. "
        "Cast the entity to an integer or a text in its dbt models."
    )


def digests(ids: pa.ChunkedArray | pa.Array) -> list[str]:
    """Digests of the ids, in their order; those of nulls are left out."""
    kind_of(ids.type)
    return [hashlib.sha256(str(value).encode()).hexdigest() for value in ids.to_pylist() if value is not None]


def read_erased(warehouse: Warehouse) -> pa.Table:
    """The table of digests; empty when nobody was forgotten yet."""
    if not warehouse.exists(ERASED):
        return pa.table({"digest": pa.array([], pa.string()), "forgotten_at": pa.array([], pa.timestamp("us"))})
    return warehouse.read(rows_query(ERASED, ["digest", "forgotten_at"]))


def add_erased(warehouse: Warehouse, ids: pa.ChunkedArray, now: pa.Scalar) -> int:
    """Add the ids' digests to the table, at once; how many are new."""
    known = read_erased(warehouse)
    new = sorted(set(digests(ids)) - set(known.column("digest").to_pylist()))
    if new:
        rows = pa.table({"digest": pa.array(new, pa.string()), "forgotten_at": pa.repeat(now, len(new))})
        warehouse.load(ERASED, pa.concat_tables([known.cast(rows.schema), rows]))
    return len(new)


def not_erased(table: pa.Table, column: str, erased: pa.Table) -> pa.Table:
    """The rows whose id in `column` was not forgotten."""
    unique = pc.unique(table.column(column)).drop_null()
    known = set(erased.column("digest").to_pylist())
    gone = [value for value, digest in zip(unique.to_pylist(), digests(unique), strict=True) if digest in known]
    return table.filter(pc.invert(pc.is_in(table.column(column), value_set=pa.array(gone, unique.type))))
