"""Files of a small shop, as an export leaves them."""

from pathlib import Path

import duckdb

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.base import Warehouse

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


def load_shop(warehouse: Warehouse, folder: Path) -> None:
    """The same tables in the schema `shop` of a warehouse."""
    files = {"Orders": "orders_*.csv", "products": "products.parquet"}
    with duckdb.connect() as connection:
        for name in ("customers", "returns", "colours"):
            files[name] = f"{name}.csv"
        for name, file in files.items():
            rows = connection.sql(f"select * from '{folder}/{file}'").to_arrow_table()
            warehouse.load(Relation(schema_name="shop", name=name), rows)
