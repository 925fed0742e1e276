"""Look-alikes, segments and embeddings as the main job leaves them, and the command that asks for them."""

import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app

from .conftest import VISITS, Run

POPULATION = "select count(*) from tasks.returns_14d where cutoff = '2024-09-30'"


def test_everyone_who_is_scored_has_an_embedding_look_alikes_and_a_segment(visits: Run) -> None:
    ((requested,),) = visits.rows(POPULATION)
    for table, value in (("entity_embeddings", 1), ("lookalikes", 10)):
        assert visits.rows(f"select count(distinct patient), count(*) from basemodel.{table}") == [
            (requested, value * requested)
        ]
    assert visits.rows("select count(*), count(distinct patient) from basemodel.segments where level = 1") == [
        (requested, requested)
    ]


def test_every_table_has_its_row_in_the_ledger(visits: Run) -> None:
    result = dict(visits.rows("select table_name, sum(row_count)::bigint from basemodel.ledger group by table_name"))
    for table in ("entity_embeddings", "lookalikes", "segments", "segment_profiles", "anomalies", "clinic_embeddings"):
        assert [(result[f"basemodel.{table}"],)] == visits.rows(f"select count(*) from basemodel.{table}"), table


def test_values_have_vectors_by_source(visits: Run) -> None:
    rows = visits.rows("select source, clinic, len(embedding::float[]) from basemodel.clinic_embeddings")
    assert {source for source, _, _ in rows} == {"visits"}
    assert len({length for _, _, length in rows}) == 1
    assert {clinic for _, clinic, _ in rows} <= {
        clinic for (clinic,) in visits.rows("select clinic from behavior.visits")
    }


def test_the_command_prints_who_is_near_and_refuses_who_is_not_there(
    visits: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    ((patient, nearest, similarity),) = visits.rows(
        "select patient, neighbour, similarity from basemodel.lookalikes where rank = 1 order by 1 limit 1"
    )
    done = CliRunner().invoke(app, ["similar", patient, "--k", "3"])
    assert done.exit_code == 0, done.output
    assert nearest in done.output
    assert f"{similarity:.4f}" in done.output
    refused = CliRunner().invoke(app, ["similar", "nobody"])
    assert refused.exit_code == 1
    assert "No patient nobody" in refused.stderr


def test_everyone_who_is_scored_has_a_p_value_and_the_command_prints_it(
    visits: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    ((requested,),) = visits.rows(POPULATION)
    rows = visits.rows("select patient, p_value, words from basemodel.anomalies where reason = 1 order by rank")
    assert len(rows) == len({patient for patient, _, _ in rows}) == requested
    p = [value for _, value, _ in rows if value is not None]
    assert p == sorted(p)
    assert 0 < p[0] <= p[-1] <= 1
    done = CliRunner().invoke(app, ["anomalies", rows[0][0]])
    assert done.exit_code == 0, done.output
    assert rows[0][0] in done.output
    assert f"{rows[0][1]:.2g}" in done.output
    assert CliRunner().invoke(app, ["anomalies", "--top", "3"]).output.count("patient ") >= 3
    refused = CliRunner().invoke(app, ["anomalies", "nobody"])
    assert refused.exit_code == 1
    assert "No patient nobody" in refused.stderr
