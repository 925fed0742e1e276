"""What models are worth, at the terminal."""

import json
import re
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.lib.results import directed, in_words, print_evaluations, print_split

from .conftest import VISITS

if TYPE_CHECKING:
    from .conftest import Run


@pytest.fixture
def evaluated(visits: "Run", monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    return visits


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["results", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_figures_of_a_run_are_printed_again(evaluated: "Run") -> None:
    result = json.loads(invoke("--json"))
    assert result
    for task, entry in result.items():
        metric, ships = entry["metric"], entry["shipped"]
        assert entry["candidates"]["test"][ships][metric] == pytest.approx(entry["shipped_value"], abs=1e-5)
        for text in (invoke(), invoke(task), evaluated.printed):
            assert f"{entry['shipped_value']:.4f}" in text
            assert task in text
        for candidate in entry["candidates"]["validation"]:
            assert candidate in invoke(task)


def test_an_unknown_task_is_refused_by_name(evaluated: "Run") -> None:
    result = CliRunner().invoke(app, ["results", "nope"])
    assert result.exit_code == 1
    assert "nope" in result.output


def test_what_was_not_evaluated_yet_says_how_it_will_be(
    evaluated: "Run", monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(tmp_path_factory.mktemp("empty")))
    result = CliRunner().invoke(app, ["results"])
    assert result.exit_code == 1
    assert "basemodel run --task" in result.output


def test_a_difference_stands_with_its_interval_and_the_way_that_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    entry = {
        "shipped": "mixture", "metric": "mae", "shipped_value": 2.5, "baseline": "plain", "baseline_value": 3.0,
        "noise": 0.1, "test rows": 5678,
    }  # fmt: skip
    print_evaluations({"position": entry}, {"position": 1234}, Console())
    text = capsys.readouterr().out
    for part in ("mae ↓", "-0.5000 ± 0.1960", "1,234", "5,678"):
        assert part in text
    assert in_words(entry) == "mixture: mae ↓ 2.5000, plain 3.0000"


@pytest.mark.parametrize("width", [60, 80])
def test_a_task_is_printed_with_its_split_and_no_number_is_cut(
    evaluated: "Run", monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    from rich import console

    ((task, entry),) = json.loads(invoke("--json")).items()
    complete = console.Console
    narrow = lambda: complete(width=width, force_terminal=True, color_system=None)  # noqa: E731
    monkeypatch.setattr(console, "Console", narrow)
    text = " ".join(invoke(task).replace("│", " ").split())
    assert "…" not in text
    assert f"{entry['test rows']:,}" in text
    for part in ("train", "validation", "test"):
        assert f"{entry[f'{part} rows']:,}" in text
        for date in re.findall(r"\d{4}-\d\d-\d\d", entry[f"{part} cutoffs"]):
            assert date in text
    for by_name in entry["candidates"].values():
        for values in by_name.values():
            for value in values.values():
                assert f"{value:.4f}" in text


def test_a_split_names_each_part_once_and_a_trait_has_rows_alone(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    print_split("income", {"split": "by entity", "train rows": 4990, "test rows": 190}, Console())
    text = capsys.readouterr().out
    assert "income, split by entity" in text
    assert [line.split("│")[1].strip() for line in text.splitlines() if "│" in line] == ["train", "test"]
    assert "4,990" in text


def test_a_metric_says_which_way_is_better_where_one_is() -> None:
    shown = {"auroc": "auroc ↑", "integrated_brier": "integrated_brier ↓", "width": "width ↓", "coverage": "coverage"}
    assert {name: directed(name) for name in shown} == shown


def test_the_version_is_that_of_the_package() -> None:
    from importlib import metadata

    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout.strip() == metadata.version("basemodel_ops")
