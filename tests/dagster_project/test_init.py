"""A project that `basemodel init` proposes is sound as it is, and its first question has the labels it says."""

import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from typer.testing import CliRunner

from basemodel_ops.contract.types import ColumnType, Relation
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse.postgres import PostgresWarehouse
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


def test_files_become_a_project_without_a_line_of_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = write_shop(tmp_path / "data"), tmp_path / "my shop"
    result = CliRunner().invoke(app, ["init", str(folder), str(data)])
    assert result.exit_code == 0, result.output
    for word in ("orders", "entity customer_id", "colours", "not used", "returns_14d"):
        assert word in result.output

    settings = Settings(dbt_project_dir=folder, home=tmp_path / "home")
    project = load_project(settings)
    contract = project.contract
    assert contract.entity == "customer_id"
    columns = {column.name: column for column in contract.event("orders").columns}
    assert columns["product_code"].references == "products"
    assert columns["amount_paid"].type is ColumnType.NUMBER
    assert next(column for column in contract.attribute("customers").columns if column.name == "e_mail").withheld

    with duckdb.connect(str(built(folder, tmp_path / "warehouse.duckdb")), read_only=True) as connection:
        asked = connection.execute("select count(distinct customer_id) from tasks.returns_14d").fetchone()
        wrong = connection.execute(
            """select count(*) from tasks.returns_14d as label
            join (select distinct data_end from tasks.cutoffs) as ends on true
            where returns is distinct from case when cutoff + interval 14 days <= data_end then exists (
                select 1 from behavior.orders as later where later.customer_id = label.customer_id
                and later.ordered_at >= label.cutoff and later.ordered_at < label.cutoff + interval 14 days) end"""
        ).fetchone()
    assert asked == (CUSTOMERS,)
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


def test_tables_in_postgres_become_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: dict[str, str]
) -> None:
    """The contract has no problem, dbt builds it, and labels are those that the events themselves have."""
    folder = tmp_path / "my shop"
    with servers.database(postgres_server, "init") as variables:
        for name, value in {**variables, "PGTZ": "UTC"}.items():
            monkeypatch.setenv(name, value)
        with PostgresWarehouse.from_environment() as warehouse:
            load_shop(warehouse, write_shop(tmp_path / "data"))
            mine = pa.table({"mine": [1]})
            warehouse.load(Relation(schema_name="tasks", name="cutoffs"), mine)
            result = CliRunner().invoke(app, ["init", str(folder), "postgres:shop"])
            assert result.exit_code == 0, result.output
            for word in ("orders", "entity customer_id", "colours", "not used", "returns_14d"):
                assert word in result.output

            monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(folder))
            monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path / "home"))
            result = CliRunner().invoke(app, ["contract"])
            assert result.exit_code == 0, result.output
            assert "No problems." in result.output

            built(folder, tmp_path / "none.duckdb")
            labels, orders, ends = (
                warehouse.read(sqlglot.select("*").from_(f"{schema}.{name}")).to_pylist()
                for schema, name in (
                    ("my_shop_tasks", "returns_14d"),
                    ("behavior", "orders"),
                    ("my_shop_tasks", "cutoffs"),
                )
            )
            assert warehouse.read(sqlglot.select("*").from_("tasks.cutoffs")).to_pylist() == mine.to_pylist()
    window, end = timedelta(days=14), ends[0]["data_end"]
    assert {label["customer_id"] for label in labels} == set(range(1, CUSTOMERS + 1))
    for label in labels:
        low, high = label["cutoff"], label["cutoff"] + window
        came = any(
            order["customer_id"] == label["customer_id"] and low <= order["ordered_at"] < high for order in orders
        )
        assert label["returns"] == (came if high <= end else None)


def test_files_and_tables_of_a_database_are_no_one_project(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["init", str(tmp_path / "new"), "postgres:shop", str(write_shop(tmp_path / "data"))]
    )
    assert result.exit_code == 1
    assert "in no warehouse together" in result.output


def test_a_mistake_is_one_message(tmp_path: Path, capsys: Callable) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "new"), str(tmp_path / "missing")])
    assert result.exit_code == 1
    assert "missing" in result.output
    assert not (tmp_path / "new").exists()
