"""A project that `basemodel init` proposes is sound as it is, and its first question has the labels it says."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from typer.testing import CliRunner

from basemodel_ops.contract.types import ColumnType, Relation
from basemodel_ops.proposal.tables import snake
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.postgres import PostgresWarehouse
from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse
from dagster_project.cli.app import app
from dagster_project.lib.project import dbt_executable, load_project

from .. import servers
from ..basemodel_ops.proposal.shop import CUSTOMERS, load_shop, write_shop


def built(folder: Path, warehouse: Path) -> Path:
    """The warehouse, with the project's models in it."""
    environment = os.environ | {"BASEMODEL_WAREHOUSE_PATH": str(warehouse)}
    command = [dbt_executable(), "--quiet", "build", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return warehouse


@contextmanager
def put_table(
    kind: str, server: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresWarehouse | SnowflakeWarehouse]:
    """An empty database, which the environment names."""
    with ExitStack() as stack:
        if kind == "postgres":
            variables = stack.enter_context(servers.database(server, name)) | {"PGTZ": "UTC"}
        else:
            variables = server | {"SNOWFLAKE_DATABASE": name.upper()}
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        kinds = {"postgres": PostgresWarehouse, "snowflake": SnowflakeWarehouse}
        yield stack.enter_context(kinds[kind].from_environment())


def rows_of(warehouse: Warehouse, relation: str) -> list[dict]:
    """All rows of a table."""
    return warehouse.read(sqlglot.select("*").from_(relation)).to_pylist()


def test_files_become_a_project_without_a_line_of_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = write_shop(tmp_path / "data"), tmp_path / "my shop"
    result = CliRunner().invoke(app, ["init", str(folder), str(data)])
    assert result.exit_code == 0, result.output
    for word in ("orders", "entity customer_id", "colours", "not used", "returns_28d"):
        assert word in result.output

    settings = Settings(dbt_project_dir=folder, home=tmp_path / "home")
    project = load_project(settings)
    contract = project.contract
    assert contract.entity == "customer_id"
    columns = {column.name: column for column in contract.event("orders").columns}
    assert columns["product_code"].references == "products"
    assert columns["amount_paid"].type is ColumnType.NUMBER
    assert next(column for column in contract.attribute("customers").columns if column.name == "e_mail").withheld

    variables = {"BASEMODEL_DBT_PROJECT_DIR": str(folder), "BASEMODEL_HOME": str(settings.home)}
    planned = CliRunner().invoke(app, ["plan"], env=variables)
    assert planned.exit_code == 0, planned.output
    assert "Not built yet: behavior.orders, " in planned.output
    assert "`basemodel run` builds the dbt models" in planned.output

    with duckdb.connect(str(built(folder, tmp_path / "warehouse.duckdb")), read_only=True) as connection:
        requested = connection.execute("select count(distinct customer_id) from tasks.returns_28d").fetchone()
        wrong = connection.execute(
            """select count(*) from tasks.returns_28d as label
            join (select distinct data_end from tasks.cutoffs) as ends on true
            where returns is distinct from case when cutoff + interval 28 days <= data_end then exists (
                select 1 from behavior.orders as later where later.customer_id = label.customer_id
                and later.ordered_at >= label.cutoff and later.ordered_at < label.cutoff + interval 28 days) end"""
        ).fetchone()
    assert requested == (CUSTOMERS,)
    assert wrong == (0,)


def test_tables_of_a_database_become_models(tmp_path: Path) -> None:
    data, folder = write_shop(tmp_path / "data"), tmp_path / "shop"
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute(f"""create table orders as select *, epoch("OrderedAt") as ts from '{data}/orders_*.csv'""")
        connection.execute('alter table orders drop "OrderedAt"')
    result = CliRunner().invoke(app, ["init", str(folder), str(tmp_path / "old.duckdb")])
    assert result.exit_code == 0, result.output
    with duckdb.connect(str(built(folder, tmp_path / "warehouse.duckdb")), read_only=True) as connection:
        days = connection.execute("select count(*), min(ts), max(ts) from behavior.orders").fetchone()
    assert days == (CUSTOMERS * 30, datetime(2024, 1, 1, 8), datetime(2024, 7, 18, 8))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["postgres", "snowflake"])
def test_tables_in_a_warehouse_become_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """The contract has no problem, dbt builds it, and labels are those that the events themselves have."""
    folder = tmp_path / "my shop"
    server: dict[str, str] = request.getfixturevalue(f"{kind}_server")
    with put_table(kind, server, "init", monkeypatch) as warehouse:
        load_shop(warehouse, write_shop(tmp_path / "data"), str if kind == "postgres" else snake)
        chosen = pa.table({"mine": [1]})
        warehouse.load(Relation(schema_name="tasks", name="cutoffs"), chosen)
        result = CliRunner().invoke(app, ["init", str(folder), f"{kind}:shop"])
        assert result.exit_code == 0, result.output
        for word in ("orders", "entity customer_id", "colours", "not used", "returns_28d"):
            assert word in result.output

        monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(folder))
        monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path / "home"))
        result = CliRunner().invoke(app, ["contract"])
        assert result.exit_code == 0, result.output
        assert "No problems." in result.output

        built(folder, tmp_path / "none.duckdb")
        labels, orders, ends = (
            rows_of(warehouse, relation)
            for relation in ("my_shop_tasks.returns_28d", "behavior.orders", "my_shop_tasks.cutoffs")
        )
        assert rows_of(warehouse, "tasks.cutoffs") == chosen.to_pylist()
    window, end = timedelta(days=28), ends[0]["data_end"]
    assert end == max(order["ordered_at"] for order in orders)
    assert {label["customer_id"] for label in labels} == set(range(1, CUSTOMERS + 1))
    for label in labels:
        low, high = label["cutoff"], label["cutoff"] + window
        came = any(
            order["customer_id"] == label["customer_id"] and low <= order["ordered_at"] < high for order in orders
        )
        assert label["returns"] == (came if high <= end else None)
    first = min(row["cutoff"] for row in ends)
    assert sorted(row["cutoff"] for row in ends) == [first + timedelta(weeks=week) for week in range(len(ends))]
    assert end - timedelta(weeks=1) < first + timedelta(weeks=len(ends) - 1) <= end


@pytest.mark.timeout(600)
def test_in_snowflake_names_are_of_any_case_and_moments_are_of_utc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snowflake_server: dict[str, str]
) -> None:
    folder = tmp_path / "site"
    with put_table("snowflake", snowflake_server, "moments", monkeypatch) as warehouse:
        with warehouse._session() as session:
            for statement in (
                "create schema WEB",
                """create table WEB."Page Views" as select mod(i, 7) + 1 as "userId", 'p' || mod(i, 5) as "Select",
                    cast(1704103200000 + i * 3600000 as number) as "eventTime",
                    to_timestamp_tz('2024-01-01 12:00:00 +0200') as ZONED, cast(i / 4 as number(9, 2)) as PAID
                from (select row_number() over (order by seq4()) as i from table(generator(rowcount => 2000)))""",
            ):
                session.execute(statement)
        result = CliRunner().invoke(app, ["init", str(folder), "snowflake:web.page views"])
        assert result.exit_code == 0, result.output
        built(folder, tmp_path / "none.duckdb")
        feature_sets = sorted(rows_of(warehouse, "behavior.page_views"), key=lambda row: row["event_time"])
    first = datetime(2024, 1, 1, 10)
    assert [view["event_time"] for view in feature_sets] == [first + timedelta(hours=i) for i in range(1, 2001)]
    assert {view["zoned"] for view in feature_sets} == {first}
    assert [float(view["paid"]) for view in feature_sets] == [i / 4 for i in range(1, 2001)]
    assert {view["select_value"] for view in feature_sets} == {"p0", "p1", "p2", "p3", "p4"}


@pytest.mark.parametrize("other", ["snowflake:shop", ""])
def test_files_and_tables_of_a_database_are_no_one_project(tmp_path: Path, other: str) -> None:
    other = other or str(write_shop(tmp_path / "data"))
    result = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "postgres:shop", other])
    assert result.exit_code == 1
    assert "in no warehouse together" in result.output


def test_a_mistake_is_one_message(tmp_path: Path, capsys: Callable) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "new"), str(tmp_path / "missing")])
    assert result.exit_code == 1
    assert "missing" in result.output
    assert not (tmp_path / "new").exists()
