"""The demo data reach the warehouse once, with plain types."""

from datetime import datetime
from typing import cast

import pandas as pd
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import Warehouse
from dagster_project.lib.demo import TABLES, load_demo, to_arrow


class Connection:
    """A warehouse of Arrow tables in memory; it answers row counts only."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.loaded: list[str] = []

    def exists(self, relation: Relation) -> bool:
        return str(relation) in self.tables

    def read(self, query) -> pa.Table:
        table = query.find(exp.Table)
        return pa.table({"rows": [self.tables[f"{table.db}.{table.name}"].num_rows]})

    def load(self, relation: Relation, table: pa.Table) -> None:
        self.loaded.append(relation.name)
        self.tables[str(relation)] = table


def test_types_are_plain_and_missing_is_null():
    frame = pd.DataFrame(
        {
            "number": pd.Series([1, 2], dtype="int32"),
            "price": [0.5, None],
            "name": ["a", None],
            "moment": pd.to_datetime(["2017-01-01 11:53:26", None]),
        }
    )
    table = to_arrow(frame)
    assert table.schema.types == [pa.int64(), pa.float64(), pa.string(), pa.timestamp("us")]
    assert table.to_pylist()[0]["moment"] == datetime(2017, 1, 1, 11, 53, 26)
    assert list(table.to_pylist()[1].values()) == [2, None, None, None]


def test_only_what_is_missing_or_short_is_loaded():
    context = Connection()
    rows = load_demo(cast(Warehouse, context))
    assert set(rows) == set(context.loaded) == set(TABLES)
    assert rows["transactions"] == context.tables["raw.transactions"].num_rows == 1_469_307

    context.loaded.clear()
    context.tables["raw.campaigns"] = context.tables["raw.campaigns"].slice(0, 5)
    assert load_demo(cast(Warehouse, context)) == rows
    assert context.loaded == ["campaigns"]
