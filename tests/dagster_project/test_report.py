"""The page that a run ends with, the commands that give it and the rows behind it, and deciles beside the scores."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import evaluation_key
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.settings import Settings
from basemodel_ops.stages.reporting.report_artifact import ReportArtifact
from dagster_project.cli.app import app
from dagster_project.cli.execution import NO_PAGE, write_report

from ..browser import Page, browsing
from .conftest import VISITS, Run

TASK = "returns_14d"


@pytest.fixture
def invoke(visits: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_a_run_ends_by_naming_its_page(visits: Run) -> None:
    page = (visits.settings.home / "report.html").resolve()
    assert str(page) in visits.printed
    text = page.read_text(encoding="utf-8")
    for title in ("Data", "Foundation model", f"Task {TASK}", "Segments", "Look-alikes"):
        assert f">{title}</h2>" in text
    assert text.count("<svg ") > 9
    assert "<script" not in text
    assert "No segments" not in text
    assert len(text) < 10 * 2**20


@pytest.fixture(scope="module")
def shown(visits: Run) -> Iterator[Page]:
    with browsing() as result:
        result.show(1200)
        result.open(visits.settings.home / "report.html")
        yield result


def test_a_browser_shows_the_page_of_a_run_without_an_error(shown: Page) -> None:
    assert shown.console_lines == []
    assert shown.run("document.title").startswith("BaseModel report, 2024-")
    wide = shown.run("[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect().width)")
    assert len(wide) > 9
    assert min(wide) > 60
    titles = set(shown.run("[...document.querySelectorAll('figcaption strong')].map(one => one.textContent)"))
    assert titles >= {"Events", "Pretraining", "ROC curve", "Score distribution", "Reasons", "Each patient on a map"}
    ids = shown.run("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    links = shown.run("[...document.links].map(one => one.getAttribute('href'))")
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(link.startswith(("#", "data:application/json")) for link in links)


def test_no_section_is_empty_of_what_the_run_made(visits: Run, shown: Page) -> None:
    week = shown.run("document.title").rpartition(" ")[2]
    for table in (f"{TASK}_scores", f"{TASK}_explanations", "segments", "lookalikes", "anomalies"):
        assert visits.rows(f"select count(*) > 0 from basemodel.{table} where as_of = timestamp '{week}'") == [(True,)]
    empty = shown.run("[...document.querySelectorAll('.none')].map(one => one.textContent)")
    true = ("No attribute of few values", "No column is sketched")  # it has no attribute, and keeps all of few values
    assert [words for words in empty if not words.startswith(true)] == []
    rows = shown.run(
        "Object.fromEntries([...document.querySelectorAll('main > section')].map(one =>"
        " [one.querySelector('h2').textContent, one.querySelectorAll('tbody tr').length]))"
    )
    for title in ("Data", f"Task {TASK}", "Segments", "Look-alikes", "Anomalies"):
        assert rows[title] > 0, title


def test_an_older_week_does_not_take_the_place_of_the_newest(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, dbt_project_dir=VISITS)
    store = ArtifactStore(settings.artifact_root)

    def check_made(week: datetime) -> None:
        text = f"about {week:%Y-%m-%d %H}"
        store.write(ReportArtifact.key(week), "v", lambda writer: ReportArtifact.write(writer, text, []))

    old, new = datetime(2024, 9, 30), datetime(2024, 9, 30, 12)
    assert write_report(settings, None) == write_report(settings, key_of(old)) == NO_PAGE
    check_made(old)
    assert write_report(settings, key_of(new)) == NO_PAGE  # an older week is not what was asked for either
    page = tmp_path / "report.html"
    assert not page.exists()
    assert write_report(settings, key_of(old)).endswith(f"a page to look at: {page}")
    check_made(new)
    assert write_report(settings, key_of(new)).endswith(f"a page to look at: {page}")
    words = write_report(settings, key_of(old))
    assert str(page) in words
    assert f"The report of {key_of(new)}, the newest week" in words
    assert f"`basemodel report --as-of {key_of(old)}`" in words
    assert page.read_text() == "about 2024-09-30 12"


def test_the_command_makes_the_page_again_and_prints_where_it_is(visits: Run, invoke) -> None:
    page = (visits.settings.home / "report.html").resolve()
    assert invoke("report", "--no-open").exit_code == 0  # tests before this one may have scored other weeks
    before = page.read_bytes()
    page.unlink()
    done = invoke("report", "--no-open")
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(page)
    assert page.read_bytes() == before
    assert invoke("report", "--as-of", "2001-01-01").exit_code == 1


def test_the_rows_of_a_task_measure_what_is_reported(visits: Run, invoke, tmp_path: Path) -> None:
    report = ArtifactStore(visits.settings.artifact_root).current(evaluation_key(TASK)).report
    output = tmp_path / "rows.parquet"
    done = invoke("predictions", TASK, "--part", "test", "--output", str(output))
    assert done.exit_code == 0, done.output
    rows = parquet.read_table(output).to_pydict()
    assert set(rows) == {"patient", "cutoff", "part", "label", "prediction", "baseline", "weight"}
    assert set(rows["part"]) == {"test"}
    assert len(rows["label"]) == report["test rows"]
    for column, name in (("prediction", "shipped_value"), ("baseline", "baseline_value")):
        assert roc_auc_score(rows["label"], rows[column]) == pytest.approx(report[name], abs=1e-5)
    printed = list(csv.DictReader(io.StringIO(invoke("predictions", TASK, "--part", "validation").stdout)))
    assert len(printed) == report["validation rows"]
    assert {row["part"] for row in printed} == {"validation"}
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "No task nothing. There are: returns_14d"),
        ((TASK, "--output", "rows.xlsx"), "neither .parquet nor .csv"),
        ((TASK, "--output", "no/such/folder/rows.csv"), "cannot be written"),
    ],
)
def test_what_cannot_be_given_is_said_with_the_way_out(invoke, arguments: tuple[str, ...], words: str) -> None:
    refused = invoke("predictions", *arguments)
    assert refused.exit_code == 1
    assert words in " ".join(refused.stderr.split())


def test_every_score_of_the_week_has_its_decile(visits: Run) -> None:
    result = visits.rows(
        f"select count(*), min(decile), max(decile), bool_and(deciles.score = scores.score),"
        f" bool_and(decile = least(10, 1 + floor(percentile / 10))) from basemodel.{TASK}_deciles deciles"
        f" join basemodel.{TASK}_scores scores using (patient, as_of)"
    )
    ((scores,),) = visits.rows(f"select count(*) from basemodel.{TASK}_scores")
    ((count, lowest, highest, same, right),) = result
    assert (count, same, right) == (scores, True, True)
    assert 1 <= lowest < highest <= 10
