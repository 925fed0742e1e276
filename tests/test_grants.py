"""The documented roles, on a PostgreSQL server: what each can do and, above all, what it cannot."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from . import servers

GRANTS = Path(__file__).parents[1] / "docs" / "grants"
RAW = """
create schema raw;
create table raw.transactions (household_id bigint, store_id bigint, basket_id bigint, product_id bigint,
    quantity bigint, sales_value double precision, retail_disc double precision, coupon_disc double precision,
    coupon_match_disc double precision, week bigint, transaction_timestamp timestamp);
create table raw.coupon_redemptions (household_id bigint, coupon_upc bigint, campaign_id bigint,
    redemption_date timestamp);
create table raw.campaigns (campaign_id bigint, household_id bigint);
create table raw.campaign_descriptions (campaign_id bigint, campaign_type text, start_date timestamp,
    end_date timestamp);
create table raw.products (product_id bigint, manufacturer_id bigint, department text, brand text,
    product_category text, product_type text, package_size text);
create table raw.demographics (household_id bigint, age text, income text, home_ownership text, marital_status text,
    household_size text, household_comp text, kids_count text, email text);
create table raw.people (household_id bigint, name text);
insert into raw.demographics (household_id, age, email) values (1, '25-34', 'sophia@example.org');
"""
PUBLISH = """
begin;
delete from basemodel.churn_scores where as_of = '2024-01-01';
insert into basemodel.churn_scores values (1, '2024-01-01', 0.5);
commit;
"""


@dataclass(frozen=True)
class Server:
    """A server of its own, spoken to by psql."""

    variables: dict[str, str]

    def ask(self, role: str, sql: str) -> subprocess.CompletedProcess[str]:
        return self.run(role, "-t", "-A", "-c", sql)

    def run(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        environment = {**os.environ, **self.variables, "PGUSER": role}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def allowed(self, role: str, sql: str) -> str:
        done = self.ask(role, sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, role: str, sql: str) -> None:
        done = self.ask(role, sql)
        assert done.returncode, f"{role} may: {sql}"
        assert (
            "permission denied" in done.stderr or "must be owner" in done.stderr or "must be superuser" in done.stderr
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Raw tables of the owner, then the grants, then tables that the writer builds."""
    with (
        servers.short_folder() as folder,
        servers.postgres(folder / "postgres") as variables,
        servers.database(variables, "shop") as shop,
    ):
        started = Server(shop)
        started.allowed(shop["PGUSER"], "create role owner superuser login")
        started.allowed("owner", RAW)
        granted = started.run("owner", "--single-transaction", "-f", str(GRANTS / "postgres.sql"))
        assert granted.returncode == 0, granted.stderr
        for sql in (
            "create table staging.demographics as select household_id, age from raw.demographics",
            "create table behavior.households as select household_id, age from staging.demographics",
            "create table tasks.churn (household_id bigint)",
            "create table marts.household_360 (household_id bigint)",
            "create table basemodel.churn_scores (household_id bigint, as_of date, score double precision)",
        ):
            started.allowed("basemodel_writer", sql)
        yield started


READER, WRITER = "basemodel_reader", "basemodel_writer"

SCHEMAS = ("staging", "behavior", "tasks", "audiences", "marts", "basemodel")
RAW_TABLES = (
    "transactions", "coupon_redemptions", "campaigns", "campaign_descriptions", "products", "demographics",
)  # fmt: skip


def test_the_writer_builds_and_publishes(server: Server) -> None:
    for sql in (
        "create view marts.view as select * from behavior.households",
        "create or replace view marts.view as select * from behavior.households",
        "create table behavior.new__tmp as select * from behavior.households",
        "alter table behavior.new__tmp rename to new",
        "drop table behavior.new",
        PUBLISH,
        PUBLISH,
    ):
        server.allowed(WRITER, sql)
    assert server.allowed(WRITER, "select count(*) from basemodel.churn_scores") == "1"


def test_the_writer_reads_raw_columns_that_are_listed_and_no_other(server: Server) -> None:
    assert server.allowed(WRITER, "select household_id, age from raw.demographics") == "1|25-34"
    for sql in (
        "select email from raw.demographics",
        "select * from raw.demographics",
        "select count(email) from raw.demographics",
        "select household_id from raw.demographics where email like 's%'",
        "select demographics from raw.demographics",
        "select row_to_json(d) from raw.demographics as d",
        "copy raw.demographics to stdout",
        "create view marts.leak as select email from raw.demographics; select * from marts.leak",
        "select * from raw.people",
        "select household_id from raw.people",
    ):
        server.refused(WRITER, sql)


def test_every_other_raw_column_is_listed(server: Server) -> None:
    hidden = server.allowed(
        "owner",
        """
        select string_agg(table_name || '.' || column_name, ' ' order by 1) from (
            select table_name, column_name from information_schema.columns where table_schema = 'raw'
            except
            select table_name, column_name from information_schema.column_privileges
            where table_schema = 'raw' and grantee = 'basemodel_writer' and privilege_type = 'SELECT') as missing""",
    )
    assert set(hidden.split()) == {"demographics.email", "people.household_id", "people.name"}


@pytest.mark.parametrize(
    "sql",
    [
        "insert into raw.campaigns values (1, 1)",
        "update raw.campaigns set campaign_id = 2",
        "delete from raw.campaigns",
        "truncate raw.campaigns",
        "drop table raw.campaigns",
        "alter table raw.campaigns add column x int",
        "create table raw.mine (x int)",
        "create schema mine",
        "create table public.mine (x int)",
        "create temporary table mine (x int)",
        "create role mine",
        "grant select on raw.people to basemodel_writer",
        "set role owner",
        "alter role basemodel_writer superuser",
        "select * from pg_authid",
        "copy (select 1) to program 'true'",
        "create database mine",
    ],
)
def test_the_writer_writes_nothing_else(server: Server, sql: str) -> None:
    server.refused(WRITER, sql)
    server.refused(READER, sql)


def test_the_reader_reads_what_is_built_now_and_later(server: Server) -> None:
    assert server.allowed(READER, "select * from behavior.households") == "1|25-34"
    for schema in ("behavior", "tasks", "marts", "basemodel"):
        server.allowed(WRITER, f"create table {schema}.later as select 1 as x")
        assert server.allowed(READER, f"select * from {schema}.later") == "1"
        server.allowed(WRITER, f"drop table {schema}.later")


@pytest.mark.parametrize("table", ["raw.demographics", "raw.people", "staging.demographics"])
def test_the_reader_sees_neither_raw_nor_staging(server: Server, table: str) -> None:
    server.refused(READER, f"select * from {table}")
    server.refused(READER, f"select household_id from {table}")


@pytest.mark.parametrize(
    "table", ["behavior.households", "tasks.churn", "marts.household_360", "basemodel.churn_scores"]
)
@pytest.mark.parametrize(
    "sql",
    [
        "insert into {table} (household_id) values (7)",
        "update {table} set household_id = 7",
        "delete from {table}",
        "truncate {table}",
        "drop table {table}",
        "alter table {table} add column x int",
        "create index on {table} (household_id)",
        "begin; lock table {table} in exclusive mode; commit",
        "grant insert on {table} to basemodel_reader; insert into {table} (household_id) values (7)",
        "create table {schema}.mine (x int)",
        "select household_id from {table} for update",
    ],
)
def test_the_reader_cannot_write(server: Server, table: str, sql: str) -> None:
    before = server.allowed("owner", f"select count(*), min(household_id) from {table}")
    server.refused(READER, sql.format(table=table, schema=table.split(".")[0]))
    assert server.allowed("owner", f"select count(*), min(household_id) from {table}") == before


def statements(name: str, dialect: str) -> list[exp.Expr]:
    result = sqlglot.parse((GRANTS / name).read_text(), dialect=dialect)
    return [statement for statement in result if statement is not None]


def test_snowflakes_grants_name_the_same_roles_schemas_and_raw_tables() -> None:
    """Not run: there is no server for it. Both files must speak of the same things."""
    texts = {name: (GRANTS / name).read_text() for name in ("postgres.sql", "snowflake.sql")}
    assert len(statements("snowflake.sql", "snowflake")) > 30
    for word in (
        READER, WRITER, "staging", "behavior", "tasks", "audiences", "marts", "basemodel", "raw.transactions",
        "raw.coupon_redemptions", "raw.campaigns", "raw.campaign_descriptions", "raw.products", "raw.demographics",
    ):  # fmt: skip
        for name, text in texts.items():
            assert word in text, (name, word)
    granted = [line for line in texts["snowflake.sql"].splitlines() if line.startswith("grant") and READER in line]
    assert not [line for line in granted if not line.startswith(("grant usage", "grant select"))]
    assert not [line for line in granted if ".raw" in line or ".staging" in line]


def test_databricks_grants_name_the_same_schemas_and_raw_tables() -> None:
    """Not run either."""
    text = (GRANTS / "databricks.sql").read_text()
    for name in SCHEMAS:
        assert f"create schema if not exists shop.{name};" in text
    for name in RAW_TABLES:
        assert f"grant select on table shop.raw.{name} to `{WRITER}`;" in text
    granted = [line for line in text.splitlines() if line.startswith("grant") and READER in line]
    assert len(granted) == 5
    assert not [line for line in granted if not line.startswith(("grant use catalog", "grant use schema, select on"))]
    assert not [line for line in granted if ".raw" in line or ".staging" in line]


def test_bigquerys_grants_name_the_same_datasets_and_raw_tables() -> None:
    """Not run either."""
    text = (GRANTS / "bigquery.sql").read_text()
    assert len(statements("bigquery.sql", "bigquery")) > 20
    for name in SCHEMAS:
        assert f"create schema if not exists shop.{name} " in text
    for name in RAW_TABLES:
        assert f"on table shop.raw.{name}" in text
    granted = [part for part in text.split(";") if "serviceAccount:reader" in part and "grant" in part]
    assert len(granted) == 4
    assert not [part for part in granted if "dataViewer" not in part or "raw" in part or "staging" in part]


def test_no_password_stands_in_the_grants() -> None:
    for path in GRANTS.iterdir():
        code = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))
        assert "password" not in code.lower()
