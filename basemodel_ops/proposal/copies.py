"""Tables that hold the rows of another: layers of a warehouse, whose events would count twice."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from basemodel_ops.proposal.seen import SeenTable


def with_copies(connection: duckdb.DuckDBPyConnection, tables: Sequence[SeenTable]) -> list[SeenTable]:
    """The tables, those with the same columns and rows as another marked as copies of the one with the shortest name.

    Only those whose columns and counts are the same are read again.
    """
    alike: dict[object, list[SeenTable]] = {}
    for table in sorted(tables, key=lambda table: (len(table.name), table.name)):
        if table.rows and not table.is_sampled:
            alike.setdefault((table.rows, frozenset(table.columns)), []).append(table)
    copies: dict[str, str] = {}
    for same in (same for same in alike.values() if len(same) > 1):
        first: dict[object, str] = {}
        for table in same:
            copies[table.name] = first.setdefault(_content(connection, table), table.name)
    return [
        replace(table, copy_of=original) if (original := copies.get(table.name, table.name)) != table.name else table
        for table in tables
    ]


def _content(connection: duckdb.DuckDBPyConnection, table: SeenTable) -> object:
    """A hash of all rows that does not depend on their order."""
    names = sorted(column.raw for column in table.columns)
    hashed = exp.alias_(exp.func("hash", *(exp.column(name, quoted=True) for name in names)), "row_hash")
    rows = exp.select(hashed).from_(table.source.subquery("rows")).subquery("hashes")
    query = exp.select("bit_xor(row_hash)", "sum(row_hash % 1000000007)").from_(rows)
    return connection.execute(query.sql("duckdb")).fetchone()
