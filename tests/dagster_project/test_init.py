"""A project that `basemodel init` proposes is sound as it is, and its first question has the labels it says."""

import os
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from basemodel_ops.contract.types import ColumnType
from basemodel_ops.settings import Settings
from dagster_project.cli.app import app
from dagster_project.lib.project import dbt_executable, load_project

from ..basemodel_ops.proposal.shop import CUSTOMERS, write_shop


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


def test_a_mistake_is_one_message(tmp_path: Path, capsys: Callable) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "new"), str(tmp_path / "missing")])
    assert result.exit_code == 1
    assert "missing" in result.output
    assert not (tmp_path / "new").exists()
