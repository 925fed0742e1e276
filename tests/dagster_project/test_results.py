"""What models are worth, at the terminal."""

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.lib.results import directed, in_words, print_evaluations

from .conftest import VISITS

if TYPE_CHECKING:
    from .conftest import Run


@pytest.fixture
def asked(visits: "Run", monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    return visits


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["results", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_figures_of_a_run_are_printed_again(asked: "Run") -> None:
    found = json.loads(invoke("--json"))
    assert found
    for task, one in found.items():
        metric, ships = one["metric"], one["shipped"]
        assert one["candidates"]["test"][ships][metric] == pytest.approx(one["shipped_value"], abs=1e-5)
        for text in (invoke(), invoke(task), asked.printed):
            assert f"{one['shipped_value']:.4f}" in text
            assert task in text
        for candidate in one["candidates"]["validation"]:
            assert candidate in invoke(task)


def test_an_unknown_task_is_refused_by_name(asked: "Run") -> None:
    result = CliRunner().invoke(app, ["results", "nope"])
    assert result.exit_code == 1
    assert "nope" in result.output


def test_what_was_not_evaluated_yet_says_how_it_will_be(
    asked: "Run", monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path_factory.mktemp("empty")))
    result = CliRunner().invoke(app, ["results"])
    assert result.exit_code == 1
    assert "basemodel run --task" in result.output


def test_a_difference_stands_with_its_interval_and_the_way_that_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    one = {
        "shipped": "mixture", "metric": "mae", "shipped_value": 2.5, "baseline": "plain", "baseline_value": 3.0,
        "noise": 0.1,
    }  # fmt: skip
    print_evaluations({"position": one}, {"position": 1234}, Console())
    text = capsys.readouterr().out
    for part in ("mae ↓", "-0.5000 ± 0.1960", "1,234"):
        assert part in text
    assert in_words(one) == "mixture: mae ↓ 2.5000, plain 3.0000"


def test_a_metric_says_which_way_is_better_where_one_is() -> None:
    shown = {"auroc": "auroc ↑", "integrated_brier": "integrated_brier ↓", "width": "width ↓", "coverage": "coverage"}
    assert {name: directed(name) for name in shown} == shown


def test_the_version_is_that_of_the_package() -> None:
    from importlib import metadata

    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout.strip() == metadata.version("basemodel_ops")
