"""What people meet at the terminal."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dagster_project.cli.app import app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_contract_lists_sources_and_tasks(home: Path) -> None:
    result = invoke("contract")
    assert result.exit_code == 0, result.output
    for word in ("behavior.purchases", "product_id", "inferred", "annotated", "churn_28d", "No problems."):
        assert word in result.output


def test_the_contract_speaks_to_machines(home: Path) -> None:
    result = invoke("contract", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer["problems"] == []
    assert answer["contract"]["entity"] == "household_id"


def test_problems_end_with_one_message_and_exit_1(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = home / "dbt"
    shutil.copytree("dbt", broken, ignore=shutil.ignore_patterns("target", "logs"))
    model = broken / "models" / "tasks" / "churn_28d.yml"
    model.write_text(model.read_text().replace("entity: household_id", "entity: client_id"))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(broken))

    people, machines = invoke("contract"), invoke("contract", "--json")

    assert people.exit_code == machines.exit_code == 1
    assert "churn_28d" in people.output
    assert "client_id" in people.output
    assert "Traceback" not in people.output
    assert any("client_id" in problem for problem in json.loads(machines.stdout)["problems"])


def test_a_directory_without_a_dbt_project_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(home / "nothing"))
    result = invoke("contract")
    assert result.exit_code == 1
    assert "BASEMODEL_DBT_PROJECT_DIR" in result.output


def test_a_setting_out_of_bounds_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_EPOCHS", "0")
    result = invoke("run")
    assert result.exit_code == 1
    assert "BASEMODEL_EPOCHS" in result.output


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [(("--task", "chrun"), "churn_28d"), (("--as-of", "2017-03-01"), "2018-01-01")],
)
def test_what_does_not_exist_is_refused_before_any_work(home: Path, arguments: tuple[str, str], way_out: str) -> None:
    result = invoke("run", *arguments)
    assert result.exit_code == 1
    assert way_out in result.output
    assert not (home / "home" / "warehouse.duckdb").exists()
