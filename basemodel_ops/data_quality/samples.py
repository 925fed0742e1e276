"""Rows from all over a table, for a look at its values: the same ones each time, in any warehouse."""

import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import AttributeSource, ColumnType, EventSource
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of

OFF = 0.1
"""A sample of which as many rows more or less than wanted are there is of rows that are equal to many others."""

LONG = (ColumnType.TEXT, ColumnType.IMAGE, ColumnType.IGNORE)
"""Columns that say nothing of which rows are drawn: they are large, or may not be read."""


def keys_of(source: EventSource | AttributeSource) -> list[str]:
    """The columns that say which row is which."""
    names = (
        [source.entity, source.time, source.session]
        if isinstance(source, EventSource)
        else [source.key, source.valid_from]
    )
    return [name for name in names if name is not None]


def known_values(warehouse: Warehouse, source: EventSource | AttributeSource, columns: list[str]) -> tuple[int, ...]:
    """Of all rows: how many there are, then in how many each column is not null."""
    counts = [exp.Count(this=exp.Star()), *(exp.Count(this=column_of(name)) for name in columns)]
    named = [exp.alias_(count, f"count_{index}", quoted=True) for index, count in enumerate(counts)]
    table = warehouse.read(exp.select(*named).from_(table_of(source.relation)))
    return tuple(int(column[0].as_py() or 0) for column in table.columns)


def sample(
    warehouse: Warehouse, source: EventSource | AttributeSource, columns: list[str], rows: int, total: int
) -> pa.Table:
    """About `rows` rows from all over a source, all where it has no more.

    Args:
        warehouse: Where they are.
        source: Of what.
        columns: Of the rows.
        rows: How many are wanted.
        total: How many there are.
    """
    names = list(dict.fromkeys(columns))
    short = [column.name for column in source.columns if column.type not in LONG]
    by = list(dict.fromkeys([*keys_of(source), *short]))
    if total <= rows:
        return warehouse.read(warehouse.drawn(source.relation, names, by, 1))
    # Whoever has many rows, and a moment that many share, are divided: rows are drawn by all that is short of them.
    # What is equal in all of that is drawn together, which takes no time; where it is much, each row for itself.
    result = warehouse.read(warehouse.drawn(source.relation, names, by, rows / total).limit(2 * rows))
    if abs(result.num_rows - rows) > OFF * rows:
        result = warehouse.read(warehouse.drawn(source.relation, names, by, rows / total, apart=True).limit(2 * rows))
    return result
