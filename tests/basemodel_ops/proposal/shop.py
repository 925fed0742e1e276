"""Files of a small shop, as an export leaves them."""

from collections.abc import Callable
from pathlib import Path

import duckdb

from basemodel_ops.contract.types import Relation
from basemodel_ops.proposal.roles import Proposal, annotation
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.sql import SqlWarehouse

CUSTOMERS, DAYS = 40, 200


def write_shop(folder: Path) -> Path:
    """Orders in two files of one layout, products and customers; names as people write them."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"""create table orders as
            select
                i % {CUSTOMERS} + 1 as "Customer ID",
                i // 2 as "OrderNo",
                'P' || (i * 7 % 25) as "ProductCode",
                i % 9 + 0.5 as "amountPaid",
                timestamp '2024-01-01 08:00:00' + to_days(cast(i % {DAYS} as integer)) as "OrderedAt",
                'note number ' || i as "note", i % 2 as "Order"
            from range({CUSTOMERS * 30}) as t (i)"""
        )
        for year, part in ((2023, "< 300"), (2024, ">= 300")):
            connection.execute(f"""copy (from orders where "OrderNo" {part}) to '{folder}/orders_{year}.csv'""")
        connection.execute(
            f"""copy (select 'P' || i as "ProductCode", 'kind ' || i % 4 as kind from range(25) as t (i))
            to '{folder}/products.parquet'"""
        )
        connection.execute(
            f"""copy (select i + 1 as "Customer ID", 'c' || i || '@example.org' as "E-Mail", i % 3 as tier
            from range({CUSTOMERS}) as t (i)) to '{folder}/customers.csv'"""
        )
        connection.execute(f"copy (select 1 as \"Customer ID\" where false) to '{folder}/returns.csv'")
        connection.execute(f"copy (select i % 3 as colour from range(9) as t (i)) to '{folder}/colours.csv'")
    (folder / "readme.txt").write_text("no table")
    return folder


class Running(SqlWarehouse):
    """A warehouse in which tests run statements of their own."""

    def run(self, sql: str) -> None:
        with self._session() as session:
            for statement in sql.split(";"):
                session.execute(statement)


def load_shop(warehouse: Warehouse, folder: Path, named: Callable[[str], str] = str) -> None:
    """The same tables in the schema `shop` of a warehouse, columns named by their names in the files."""
    files = {"Orders": "orders_*.csv", "products": "products.parquet"}
    with duckdb.connect() as connection:
        for name in ("customers", "returns", "colours"):
            files[name] = f"{name}.csv"
        for name, file in files.items():
            rows = connection.sql(f"select * from '{folder}/{file}'").to_arrow_table()
            rows = rows.rename_columns([named(column) for column in rows.column_names])
            warehouse.load(Relation(schema_name="shop", name=name), rows)


def declared(proposal: Proposal) -> dict[str, object]:
    """All that a proposal says of names, keys and times."""
    tables = [event.table for event in proposal.events] + [table for table, _ in proposal.attributes]
    return {
        "entity": proposal.entity,
        "events": [(event.table.name, event.time, event.session) for event in proposal.events],
        "facts": {(table.name, key) for table, key in proposal.attributes},
        "unused": {(table.name, why) for table, why in proposal.unused},
        "grid": (proposal.every, proposal.start, proposal.end, proposal.horizon),
        "columns": {
            (table.name, column.name): (annotation(proposal, table, column), column.distinct, column.nulls)
            for table in tables
            for column in table.columns
        },
    }
