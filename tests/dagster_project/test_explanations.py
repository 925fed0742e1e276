"""Explanations of a run that is done: the table of the week, and what the terminal says of one entity."""

import json
import re
from datetime import datetime

import pytest
from typer.testing import CliRunner, Result

from dagster_project.cli.explain import _show_items

from .conftest import VISITS, Run

NEWEST = "(select max(as_of) from basemodel.returns_14d_scores)"


def explain(visits: Run, *arguments: str, columns: int = 80) -> Result:
    from dagster_project.cli.app import app

    home = {"BASEMODEL_HOME": str(visits.settings.home), "BASEMODEL_DBT_PROJECT_DIR": str(VISITS)}
    return CliRunner().invoke(app, ["explain", *arguments], env={**home, "COLUMNS": str(columns)})


def highest(visits: Run) -> tuple[str, float]:
    query = f"select patient, score from basemodel.returns_14d_scores where as_of = {NEWEST} order by 2 desc, 1 limit 1"
    return visits.rows(query)[0]


def test_the_run_explains_the_week_that_it_scores(visits: Run) -> None:
    rows = visits.rows(
        f"""
        select patient, max(chosen_by), sum(contribution), max(score) - max(empty_score), max(score), min(rank)
        from basemodel.returns_14d_explanations where as_of = {NEWEST} group by 1
        """
    )
    scores = dict(visits.rows(f"select patient, score from basemodel.returns_14d_scores where as_of = {NEWEST}"))
    assert len(rows) == min(100, len(scores))
    assert sum(by == "top" for _, by, *_ in rows) == min(50, len(scores))
    for patient, _, added, difference, score, first in rows:
        assert added == pytest.approx(difference, abs=1e-6)
        assert score == pytest.approx(scores[patient], abs=1e-6)
        assert first == 1
    tables = "select distinct source_table from basemodel.returns_14d_explanations where column_name is not null"
    assert visits.rows(tables) == [("behavior.visits",)]
    ledger = "select row_count from basemodel.ledger where table_name = 'basemodel.returns_14d_explanations'"
    assert visits.rows(ledger) == visits.rows("select count(*) from basemodel.returns_14d_explanations")


def test_aggregates_and_what_moves_scores_at_large_stand_beside_the_reasons(visits: Run) -> None:
    sums = visits.rows(
        f"""
        select sum(contribution), max(score) - max(usual_score) from basemodel.returns_14d_aggregate_reasons
        where as_of = {NEWEST} group by patient
        """
    )
    for added, difference in sums:
        assert added == pytest.approx(difference, abs=1e-6)
    mean = visits.rows("select sum(mean) from basemodel.returns_14d_importance where kind = 'events'")
    drawn = f"""
        select avg(added) from (
            select sum(contribution) as added from basemodel.returns_14d_explanations
            where as_of = {NEWEST} and (chosen_by = 'sample' or not exists (
                select 1 from basemodel.returns_14d_explanations where chosen_by = 'sample'
            )) group by patient
        )
        """
    assert mean[0][0] == pytest.approx(visits.rows(drawn)[0][0], abs=1e-6)
    assert visits.rows("select coalesce(min(entities), 10) >= 10 from basemodel.returns_14d_effects") == [(True,)]


@pytest.mark.parametrize("columns", [30, 80])
def test_what_speaks_for_items_is_printed_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    about = {"item": "tea", "item_rank": 1, "score": 0.25, "empty_score": 0.05}
    rows = [
        {**about, "evidence": "follows", "column_name": "product", "column_value": "biscuits [dark]", "events": 2,
         "last_at": datetime(2024, 9, 1, 8, 30), "contribution": 0.15},
        {**about, "evidence": "popularity", "column_name": None, "column_value": None, "contribution": 0.04},
        {**about, "evidence": "network", "column_name": None, "column_value": None, "contribution": 0.01},
    ]  # fmt: skip
    _show_items(rows, "next as of 2024-09-30", "patient 1", 2, as_json=False)
    printed = capsys.readouterr().out
    assert "number 1 for patient 1 is tea, at 0.2500 where 0.0500 is usual." in printed
    for amount in ("+0.1500", "+0.0400", "+0.0100"):
        assert amount in printed
    assert "…" not in printed
    assert "[dark]" in printed
    _show_items([], "next as of 2024-09-30", "patient 1", 2, as_json=False)
    assert "no item is named to patient 1" in capsys.readouterr().out


def test_the_terminal_says_the_same_for_people_and_machines(visits: Run) -> None:
    patient, score = highest(visits)
    machine = explain(visits, "returns_14d", patient, "--json")
    assert machine.exit_code == 0, machine.output
    result = json.loads(machine.stdout)
    assert result["score"] == pytest.approx(score, abs=1e-6)
    added = [reason["contribution"] for reason in result["reasons"]]
    assert sum(added) == pytest.approx(result["score"] - result["empty"], abs=1e-6)
    times = [time for reason in result["reasons"] for events in reason["notable"] for time in events["times"]]
    current = visits.rows(
        f"select visited_at from behavior.visits where patient = '{patient}' and visited_at < {NEWEST}"
    )
    assert sorted(times) == sorted(str(moment) for (moment,) in current)


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_numbers_are_never_cut(visits: Run, columns: int) -> None:
    patient, score = highest(visits)
    result = json.loads(explain(visits, "returns_14d", patient, "--json").stdout)
    shown = explain(visits, "returns_14d", patient, "--top", "2", columns=columns)
    assert shown.exit_code == 0, shown.output
    assert f"{score:.4f}" in shown.output
    message = re.findall(r"│\s*([+-]\d+\.\d{4})\s*│", shown.output)
    added = [reason["contribution"] for reason in result["reasons"]]
    expected = [*added[:2], *([sum(added[2:])] if added[2:] else [])]
    assert message == [f"{entry:+.4f}" for entry in expected]
    assert "…" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone", "patient 1"], ["No task 'gone'", "returns_14d"]),
        (["returns_14d", "patient 9999"], ["patient 9999", "no event before 2024-09-30"]),
        (["returns_14d", "patient 1", "--as-of", "2024-09-29"], ["No cutoff at 2024-09-29", "weekly"]),
        (["returns_14d", "patient 1", "--label", "yes"], ["No label 'yes'"]),
    ],
)
def test_what_cannot_be_explained_ends_with_one_message_and_exit_1(
    visits: Run, arguments: list[str], words: list[str]
) -> None:
    result = explain(visits, *arguments)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


def test_an_entity_that_the_task_does_not_ask_about_is_explained_and_said_to_be_in_no_table(visits: Run) -> None:
    absent = f"""
        select distinct patient from behavior.visits where patient not in (
            select patient from basemodel.returns_14d_scores where as_of = {NEWEST}
        ) and visited_at < {NEWEST} order by 1
        """
    patient = visits.rows(absent)[0][0]
    assert "this score is in no table" in " ".join(explain(visits, "returns_14d", patient).output.split())
    assert json.loads(explain(visits, "returns_14d", patient, "--json").output)["is_asked"] is False
    known, _ = highest(visits)
    assert "in no table" not in explain(visits, "returns_14d", known).output
