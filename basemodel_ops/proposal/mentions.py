"""Facts that a column of events is about though it is called something else: `dest` holds what airports call `faa`."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from basemodel_ops.contract.inference import family
from basemodel_ops.proposal.seen import SeenColumn, SeenTable

LEAST_SHARE, LEAST_VALUES = 0.9, 3
"""Of its values that are keys of the facts, and values that it has: fewer may be so by chance."""

MOST_VALUES = 1_000_000
"""Values of a column that are looked up, at most."""


def with_mentions(connection: duckdb.DuckDBPyConnection, tables: Sequence[SeenTable]) -> list[SeenTable]:
    """The tables, whose columns of words say which table of facts has most of their values as keys.

    Only tables whose key no other table has a column called like are looked up: names tell before values do.
    """
    names = [column.name for table in tables for column in table.columns]
    # Of facts that were looked at in part, most keys are not known.
    unsampled = [table for table in tables if not table.is_sampled]
    keyed = [(table, key) for table in unsampled if (key := _key(table)) is not None and names.count(key.name) == 1]

    def mentioned(table: SeenTable, column: SeenColumn) -> str:
        shares = {
            attributes.name: _share(connection, table, column, attributes, key)
            for attributes, key in keyed
            if attributes is not table
        }
        best = max(shares, key=lambda name: shares[name], default="")
        return best if best and shares[best] >= LEAST_SHARE else ""

    return [
        replace(
            table,
            columns=tuple(
                replace(column, mentions=mentioned(table, column)) if _may_mention(table, column) else column
                for column in table.columns
            ),
        )
        for table in tables
    ]


def _key(table: SeenTable) -> SeenColumn | None:
    """The first column of words whose values stand once."""
    return next((column for column in table.columns if table.is_key(column) and _is_word(column)), None)


def _is_word(column: SeenColumn) -> bool:
    return family(column.data_type) == "text" and not column.is_timestamp


def _may_mention(table: SeenTable, column: SeenColumn) -> bool:
    return _is_word(column) and not table.is_key(column) and LEAST_VALUES <= column.distinct <= MOST_VALUES


def _share(
    connection: duckdb.DuckDBPyConnection, table: SeenTable, column: SeenColumn, attributes: SeenTable, key: SeenColumn
) -> float:
    """The share of a column's values that are keys of some facts."""
    value = exp.column(column.raw, quoted=True)
    values = exp.select(exp.alias_(value, "value")).distinct().from_(table.source.subquery("rows"))
    values = values.where(value.copy().is_(exp.null()).not_())
    keys = exp.select(exp.column(key.raw, quoted=True)).from_(attributes.source.subquery("facts"))
    known = exp.cast(exp.In(this=exp.column("value"), query=keys.subquery()), "double")
    (share,) = connection.execute(
        exp.select(exp.Avg(this=known)).from_(values.subquery("values")).sql("duckdb")
    ).fetchone() or (None,)
    return share or 0.0
