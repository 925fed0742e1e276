"""Forgetting a patient: in no table and no byte, and for everybody else as if they had never been there."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from basemodel_ops.settings import Settings
from dagster_project.cli.app import app
from dagster_project.cli.execution import run_main_job

from .conftest import SMALL, VISITS, Run
from .test_job import SCORES

CANARY = 7_777_133_133_779_911
FORMS = (str(CANARY).encode(), CANARY.to_bytes(8, "little"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def tables(home: Path) -> dict[str, int]:
    """Rows with the canary in any column, per table that has some."""
    result = {}
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        names = connection.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
        for schema, table in names:
            query = f"""select count(*) from "{schema}"."{table}" as item where item::varchar like '%{CANARY}%'"""
            ((count,),) = connection.execute(query).fetchall()
            if count:
                result[f"{schema}.{table}"] = count
    return result


def files(home: Path) -> list[str]:
    """Files with the canary: as text, as eight bytes, or in a column of a Parquet file."""
    result = []
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        data = path.read_bytes()
        inside = path.suffix == ".parquet" and str(CANARY) in str(pq.read_table(path).to_pydict())
        if inside or any(form in data for form in FORMS):
            result.append(str(path.relative_to(home)))
    return result


@dataclass
class Clinic:
    """The project of visits with patients as numbers, which come from a raw table that dbt does not own."""

    project: Path
    home: Path
    patch: pytest.MonkeyPatch

    def land(self, with_canary: bool) -> None:
        """The visits as they are, and twelve of the canary, the last of them near the end."""
        created = (
            (VISITS / "models/raw/visit_log.sql").read_text().replace("'patient ' || number", "cast(number as bigint)")
        )
        self.home.mkdir(parents=True)
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as connection:
            connection.execute(f"create schema landing; create table landing.visits as {created}")
            if with_canary:
                connection.execute(f"""insert into landing.visits select {CANARY}, 'clinic ' || (range % 3), 20,
                    timestamp '2024-03-10 09:00:00' + to_days(cast(range * 17 as integer)) from range(12)""")

    def run(self) -> Run:
        self.patch.setenv("BASEMODEL_HOME", str(self.home))
        settings = Settings()
        out = io.StringIO()
        run_main_job(settings, (), None, Console(file=out, width=200))
        return Run(settings, out.getvalue())

    def execute(self, sql: str) -> None:
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as connection:
            connection.execute(sql)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setenv(f"BASEMODEL_{name.upper()}", json.dumps(value))
        patch.setenv("COLUMNS", "200")
        patch.setenv("DAGSTER_HOME", "set by the run")
        yield patch


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path_factory.mktemp("clinic") / "project"
    shutil.copytree(VISITS, copy, ignore=shutil.ignore_patterns("target", "logs"))
    (copy / "models/raw/visit_log.sql").write_text("select * from landing.visits\n")
    for name in ("models/behavior/visits.yml", "models/tasks/tasks.yml"):
        text = (copy / name).read_text()
        assert "patient, data_type: varchar" in text
        (copy / name).write_text(text.replace("patient, data_type: varchar", "patient, data_type: bigint"))
    patch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(copy))
    return copy


def failed_checks(home: Path) -> set[str]:
    """Assets whose newest result of the check `forgotten` is a failure."""
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        result = set()
        for name in ("foundation_model", "returns_14d/model"):
            key = dg.AssetCheckKey(dg.AssetKey(name.split("/")), "forgotten")
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            assert record.event is not None
            evaluation = record.event.dagster_event.asset_check_evaluation_data  # pyright: ignore[reportOptionalMemberAccess]
            if not evaluation.passed:
                result.add(name)
        return result


EXPLAINED = ("returns_14d_explanations", "returns_14d_aggregate_reasons")
ANSWERS = (*EXPLAINED, "returns_14d_deciles", "entity_embeddings", "lookalikes", "segments", "anomalies")
OF_ENTITIES = ("returns_14d_scores", *ANSWERS)
HELD = {
    f"basemodel.{name}": f"patient = {CANARY}" + (f" or neighbour = {CANARY}" if name == "lookalikes" else "")
    for name in OF_ENTITIES
}
"""Tables of answers and which of their rows are about the canary."""


def test_a_forgotten_patient_is_nowhere_and_changes_nothing_for_others(
    tmp_path: Path, project: Path, patch: pytest.MonkeyPatch
) -> None:
    requested = Clinic(project, tmp_path / "asked", patch)
    requested.land(with_canary=True)
    before = requested.run()
    answers = {f"basemodel.{name}" for name in ANSWERS}
    built = {"landing.visits", "raw.visit_log", "behavior.visits", "tasks.returns_14d", "basemodel.returns_14d_scores"}
    # Whether it is among the explained is for a hash to say.
    explained = {f"basemodel.{name}" for name in EXPLAINED}
    assert built | answers >= set(tables(requested.home)) >= built | (answers - explained)
    held_in = set(tables(requested.home)) & set(HELD)
    held = sum(before.rows(f"select count(*) from {entry} where {where}")[0][0] for entry, where in HELD.items())
    holding = {name.split("/")[1] for name in files(requested.home) if name.startswith("artifacts")}
    # Whether it is among the few that the page names is chance.
    assert holding - {"report"} == {"entity_representation", "training_examples", "returns_14d"}
    assert failed_checks(requested.home) == set()
    others = before.rows("select count(*) from basemodel.returns_14d_scores")[0][0] - 1

    left = requested.home / "sorting-killed" / "run.arrow"  # what killed runs leave behind
    half = requested.home / "artifacts" / "training_examples" / ".half-written" / "entities.parquet"
    for path in (left, half):
        path.parent.mkdir()
        path.write_bytes(FORMS[1])

    requested.execute(
        f"create schema privacy; create table privacy.requests as select {CANARY} as patient union select -1"
    )
    done = invoke("forget", "--ids-from", "privacy.requests")
    assert done.exit_code == 0, done.output
    for words in (
        "2 ids in privacy.requests, 2 of them new", f"Deleted: {held} rows", "Removed: 4 artifacts", "built again",
        "Retrain due: foundation_model, returns_14d/model", "Yours to delete",
    ):  # fmt: skip
        assert words in done.stdout
    # What is the customer's is left to them, and the raw model is theirs too.
    assert set(tables(requested.home)) == {"landing.visits", "raw.visit_log", "privacy.requests"}
    assert [name for name in files(requested.home) if not name.startswith("warehouse")] == []
    assert failed_checks(requested.home) == {"foundation_model", "returns_14d/model"}
    assert invoke("models").stdout.count(before.rows("select current_date::varchar")[0][0]) == 2
    assert before.rows("select count(*) from basemodel.returns_14d_scores") == [(others,)]
    hashes = dict(before.rows("select table_name, input_hash from basemodel.ledger"))
    assert all(hashes[name].startswith("forgotten ") for name in held_in)
    row_count = "select row_count from basemodel.ledger where table_name = 'basemodel.returns_14d_scores'"
    assert before.rows(row_count) == [(others,)]

    requested.execute(f"delete from landing.visits where patient = {CANARY}; drop table privacy.requests")
    after = requested.run()
    assert invoke("compact").exit_code == 0
    assert tables(requested.home) == {}
    assert files(requested.home) == []
    assert failed_checks(requested.home) == set()
    assert before.rows("select current_date::varchar")[0][0] not in invoke("models").stdout
    assert "hold" in invoke("audit", "verify").stdout

    never = Clinic(project, tmp_path / "never", patch)
    never.land(with_canary=False)
    clean = never.run()
    assert len(clean.rows(SCORES)) == others
    assert after.rows(SCORES) == clean.rows(SCORES)
    assert after.artifacts.keys() >= clean.artifacts.keys()
    current = {name for name in clean.artifacts if "entity_representation" in name or "training_examples" in name}
    assert {name: after.artifacts[name] for name in current} == {name: clean.artifacts[name] for name in current}


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory, project: Path, patch: pytest.MonkeyPatch) -> Clinic:
    """Visits that landed and were modelled, and no run yet."""
    clinic = Clinic(project, tmp_path_factory.mktemp("landed") / "home", patch)
    clinic.land(with_canary=False)
    clinic.execute("create schema behavior; create table behavior.visits as select * from landing.visits")
    clinic.execute("create schema privacy")
    return clinic


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1 as a, 2 as b", ("privacy.requests", "['a', 'b']", "patient")),
        ("select 'x' as patient", ("string", "int64", "Cast the ids")),
        ("select 1.5 as patient", ("decimal", "Cast the entity")),
    ],
)
def test_ids_that_cannot_be_forgotten_are_refused_and_nothing_is_done(
    landed: Clinic, patch: pytest.MonkeyPatch, sql: str, words: tuple[str, ...]
) -> None:
    patch.setenv("BASEMODEL_HOME", str(landed.home))
    landed.execute(f"create or replace table privacy.requests as {sql}")
    done = invoke("forget", "--ids-from", "privacy.requests")
    assert done.exit_code == 1
    for word in words:
        assert word in done.stderr
    with duckdb.connect(str(landed.home / "warehouse.duckdb")) as connection:
        assert not connection.execute("select 1 from duckdb_tables() where table_name = 'forgotten'").fetchall()


@pytest.mark.parametrize("name", ["requests", ".requests", "privacy.", "", "."])
def test_a_name_that_is_no_table_says_how_to_write_one(landed: Clinic, patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setenv("BASEMODEL_HOME", str(landed.home))
    done = invoke("forget", "--ids-from", name)
    assert done.exit_code == 1
    assert "SCHEMA.TABLE" in done.stderr
