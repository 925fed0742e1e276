"""Tables in Snowflake are taken for what the same rows in files are, by a sample where they are large."""

import itertools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError
from basemodel_ops.proposal.project import files_of
from basemodel_ops.proposal.roles import propose
from basemodel_ops.proposal.sampled import ROWS, look_into
from basemodel_ops.proposal.snowflake import SnowflakeDatabase
from basemodel_ops.proposal.tables import look, snake
from basemodel_ops.warehouse.retry import RetryPolicy
from basemodel_ops.warehouse.snowflake import SnowflakeSession, SnowflakeWarehouse
from basemodel_ops.warehouse.snowflake_settings import connection_settings

from .shop import Running, declared, load_shop, write_shop

pytestmark = pytest.mark.timeout(120)
NUMBERS = itertools.count()
USERS, LARGE = 5_000, 200_000


class Watched(Running, SnowflakeWarehouse):
    """A database that keeps what it was asked."""

    def __init__(self, settings: dict) -> None:
        super().__init__(settings, RetryPolicy(total=20, first=0.05, longest=0.5, response_timeout=30))
        self.statements: list[str] = []

    def read(self, query: exp.Query) -> pa.Table:
        self.statements.append(SnowflakeSession(None).render(query))
        return super().read(query)


@pytest.fixture
def warehouse(snowflake_server: dict[str, str]) -> Iterator[Watched]:
    variables = snowflake_server | {"SNOWFLAKE_DATABASE": f"PROPOSAL_{next(NUMBERS)}"}
    with Watched(connection_settings(variables) | {"network_timeout": 5}) as opened:
        yield opened


def test_a_shop_is_taken_for_what_it_is_as_files(tmp_path: Path, warehouse: Watched) -> None:
    folder = write_shop(tmp_path / "data")
    load_shop(warehouse, folder, snake)
    database = SnowflakeDatabase(warehouse)
    tables = look_into(database, ["shop"])
    assert declared(propose(tables)) == declared(propose(look([folder])))
    assert not any(table.is_sampled for table in tables)
    assert {table.dialect for table in tables} == {"snowflake"}
    only = look_into(database, ["SHOP.ORDERS", "shop.Customers"])
    assert [table.name for table in only] == ["customers", "orders"]
    assert database.schemas() == {"shop"}


def test_names_of_any_spelling_are_read(tmp_path: Path, warehouse: Watched) -> None:
    folder = write_shop(tmp_path / "data")
    load_shop(warehouse, folder, snake)
    warehouse.run(
        """create schema EXACT; create table EXACT."Orders" as select CUSTOMER_ID as "Customer ID",
            ORDER_NO as "OrderNo", PRODUCT_CODE as "ProductCode", AMOUNT_PAID as "amountPaid",
            ORDERED_AT as "OrderedAt", NOTE as "note", "ORDER" as "Order" from SHOP.ORDERS;
        create table EXACT."Größen" as select CUSTOMER_ID as "Customer ID", TIER as "Größe" from SHOP.CUSTOMERS"""
    )
    sizes, orders = look_into(SnowflakeDatabase(warehouse), ["exact"])
    (expected,) = (table for table in look([folder]) if table.name == "orders")
    assert [(column.raw, column.name, column.distinct) for column in orders.columns] == [
        (column.raw, column.name, column.distinct) for column in expected.columns
    ]
    assert (sizes.name, [column.name for column in sizes.columns]) == ("groen", ["customer_id", "groe"])
    model = files_of(propose([sizes, orders]), Path("/shop"), datetime(2026, 1, 1))
    assert 'FROM "EXACT"."Orders"' in model["models/raw/raw_orders.sql"]
    assert 'CAST("Customer ID" AS DECIMAL(38, 0)) AS customer_id' in model["models/behavior/orders.sql"]


def test_of_a_large_table_a_sample_is_read(warehouse: Watched) -> None:
    """Each user has 40 events; the ids of events stand once, of kinds there are seven."""
    warehouse.run(
        f"""create schema WEB; create table WEB.EVENTS as select
            i as EVENT_ID, mod(i * 7919, {USERS}) as USER_ID, 'kind ' || mod(i, 7) as KIND,
            repeat('x', 40) || i as NOTE
        from (select row_number() over (order by seq4()) as i from table(generator(rowcount => {LARGE})));
        create view WEB.SEEN as select * from WEB.EVENTS"""
    )
    events, seen = look_into(SnowflakeDatabase(warehouse), ["web"])
    columns = {column.name: column for column in events.columns}
    assert events.is_sampled
    assert events.rows == columns["event_id"].distinct == LARGE
    assert columns["user_id"].distinct == pytest.approx(USERS, rel=0.1)
    assert columns["kind"].distinct == 7
    assert seen.is_sampled
    assert seen.rows == ROWS
    of_table, of_view = (sql for sql in warehouse.statements if "SUBSTRING" in sql)
    assert f'FROM "WEB"."EVENTS" TABLESAMPLE BERNOULLI ({ROWS} ROWS)' in of_table
    assert f'FROM "WEB"."SEEN" LIMIT {ROWS}' in of_view


def test_types_are_those_that_values_can_be_cast_to(warehouse: Watched) -> None:
    warehouse.run(
        """create schema ODD; create table ODD.T as select cast(1 as number) as WHOLE,
            cast(1.25 as number(9, 2)) as CENTS, cast(1 as float) as WEIGHT, 'a' as WORD, true as YES,
            to_date('2024-01-01') as DAY, to_time('12:00:00') as NOON, to_timestamp_ntz('2024-01-01 10:00:00') as AT,
            to_timestamp_tz('2024-01-01 10:00:00 +0200') as ZONED, parse_json('{}') as BAG,
            cast(3 as number) as "USING" """
    )
    (table,) = look_into(SnowflakeDatabase(warehouse), ["odd"])
    assert {column.name: column.data_type for column in table.columns} == {
        "whole": "number(38,0)", "cents": "number(9,2)", "weight": "float", "word": "varchar", "yes": "boolean",
        "day": "date", "noon": "time", "at": "timestamp_ntz", "zoned": "timestamp_tz", "using_value": "number(38,0)",
    }  # fmt: skip


def test_of_bytes_the_beginning_is_read() -> None:
    """As a text: fakesnow's `substring` takes no bytes, Snowflake's does."""
    column = SnowflakeDatabase(SnowflakeWarehouse({})).column("picture", "binary")
    assert SnowflakeSession(None).render(exp.select(column)) == 'SELECT SUBSTRING("picture", 1, 256)'


def test_what_is_not_there_is_said(warehouse: Watched) -> None:
    warehouse.run(
        """create schema SALES; create table SALES.ORDER_LINES (A integer);
        create table SALES."Order Lines" (A integer); create table SALES.ORDERS (A integer)"""
    )
    database = SnowflakeDatabase(warehouse)
    for row_index in ("shop", "sales.missing", ""):
        with pytest.raises(DataError, match=r"There is no table in .* Snowflake database. Schemas with tables: SALES"):
            look_into(database, [row_index])
    with pytest.raises(DataError, match=r"would both be the table order_lines. .* `snowflake:schema.table` each"):
        look_into(database, ["sales"])
    assert [table.origin for table in look_into(database, ["sales.order lines"])] == ["SALES.Order Lines"]


def test_columns_that_differ_in_capitals_are_refused_by_name() -> None:
    """fakesnow cannot have such a table."""

    class Alike(SnowflakeDatabase):
        def tables(self) -> list[tuple[str, str, str]]:
            return [("SHOP", "ORDERS", "BASE TABLE")]

        def columns(self, relation: Relation) -> dict[str, str]:
            return {"USERID": "varchar", "userId": "varchar", "AT": "timestamp_ntz"}

    with pytest.raises(DataError, match=r"Columns of SHOP.ORDERS differ in capitals only: USERID, userId"):
        look_into(Alike(SnowflakeWarehouse({})), ["SHOP"])
