"""How often whoever a table is about is seen: days from one day with rows of theirs to the next."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from basemodel_ops.proposal.moments import timestamp_of_column
from basemodel_ops.proposal.seen import SeenColumn, SeenTable


def with_rhythm(connection: duckdb.DuckDBPyConnection, tables: Sequence[SeenTable]) -> list[SeenTable]:
    """The tables, whose columns that may say whose rows these are know how many days apart rows of one value are.

    Of a table that was looked at in part nothing is known: between two of its rows others were left out.
    """
    return [
        replace(
            table,
            columns=tuple(
                replace(column, days_apart=_days_apart(connection, table, column, table.time))
                if table.time is not None and not table.is_sampled and table.comes_again(column)
                else column
                for column in table.columns
            ),
        )
        for table in tables
    ]


def _days_apart(
    connection: duckdb.DuckDBPyConnection, table: SeenTable, column: SeenColumn, time: SeenColumn
) -> float | None:
    """The median over values of the mean distance of their days; None where none has two days."""
    day = exp.cast(timestamp_of_column(exp.column(time.raw, quoted=True), time.ticks), "date")
    value = exp.column(column.raw, quoted=True)
    rows = exp.select(exp.alias_(value, "value"), exp.alias_(day, "day")).from_(table.source.subquery("rows"))
    rows = rows.where(value.copy().is_(exp.null()).not_())
    days = exp.Count(this=exp.Distinct(expressions=[exp.column("day")]))
    span = exp.paren(exp.Max(this=exp.column("day")) - exp.Min(this=exp.column("day")))
    by_value = exp.select(exp.alias_(exp.Div(this=span, expression=exp.paren(days - 1)), "apart"))
    by_value = by_value.from_(rows.subquery("days")).group_by("value").having(days.copy() > 1)
    query = exp.select(exp.func("median", exp.column("apart"), dialect="duckdb")).from_(by_value.subquery("values"))
    (result,) = connection.execute(query.sql("duckdb")).fetchone() or (None,)
    return result
