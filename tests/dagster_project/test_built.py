"""A dbt build that would do the same again is skipped; whatever it would do otherwise, it runs."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from basemodel_ops.contract.types import Contract, Grid, Relation
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse.sql import SqlWarehouse
from dagster_project.defs import dbt_models as models
from dagster_project.lib.built import Builds
from dagster_project.lib.project import Project, ensure_manifest

GRID = Grid(
    relation=Relation(schema_name="any", name="grid"), cutoff="c", data_end="d", start=date(2024, 1, 1), now=None
)
NO_ITEM = Contract(entity="e", events=(), attributes=(), tasks=(), grid=GRID)
"""No declaration is needed to build."""

SOURCE = Path(__file__).parents[1] / "projects" / "skipping"
STEP = "dbt_behavior"


@dataclass(frozen=True)
class Clinic:
    """A dbt project with one source, in a home of its own."""

    settings: Settings

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def path(self, name: str) -> Path:
        return self.settings.dbt_project_dir / name

    @property
    def project(self) -> Project:
        return Project(self.settings, NO_ITEM)

    def build(self, selection: list[str] | None = None, raises: bool = True) -> dg.ExecuteInProcessResult:
        ensure_manifest(self.settings)
        chosen = [dg.AssetKey(["behavior", name]) for name in selection] if selection else None
        dbt = {"dbt": models.resource(self.project)}
        return dg.materialize(models.assets(self.project), selection=chosen, resources=dbt, raise_on_error=raises)

    def why(self) -> str | None:
        """Why a build would run; None if it is skipped."""
        assets = [["behavior", "visits"], ["behavior", "patients"]]
        record, why = Builds(self.project, STEP).same(assets, [])
        return None if record else why


def reused(result: dg.ExecuteInProcessResult) -> bool:
    results = {bool(event.metadata.get("reused")) for event in result.asset_materializations_for_node(STEP)}
    assert len(results) == 1
    return results.pop()


def check_results(result: dg.ExecuteInProcessResult) -> set[tuple[str, str, bool, str, Any]]:
    rows = models.ROWS
    return {
        (
            entry.asset_key.to_user_string(),
            entry.check_name,
            entry.passed,
            entry.severity.value,
            entry.metadata[rows].value,
        )
        for entry in result.get_asset_check_evaluations()
    }


def fresh_clinic(tmp: Path) -> Clinic:
    folder = shutil.copytree(SOURCE, tmp / "project", ignore=shutil.ignore_patterns("target", "logs"))
    (tmp / "home").mkdir()
    clinic = Clinic(Settings(dbt_project_dir=folder, home=tmp / "home"))
    clinic.sql(
        "create schema raw",
        "create table raw.visits (patient varchar, clinic varchar, duration integer, visited_at timestamp)",
        "insert into raw.visits values ('a', 'x', 10, '2024-01-01'), ('a', 'y', 20, '2024-01-02'), "
        "('b', 'x', 90, '2024-01-03')",
    )
    return clinic


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    clinic = fresh_clinic(tmp_path_factory.mktemp("built"))
    assert not reused(clinic.build())
    return clinic


@contextmanager
def replaced(path: Path, old: str, new: str) -> Iterator[None]:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def test_a_build_of_the_same_is_skipped_and_says_what_the_last_one_found(tmp_path: Path) -> None:
    clinic = fresh_clinic(tmp_path)
    first, second = clinic.build(), clinic.build()
    assert not reused(first)
    assert reused(second)
    assert check_results(first) == check_results(second)
    assert ("behavior/visits", "unique_visits_patient", False, "WARN", 1) in check_results(second)
    # A changed row is built, and then skipped again.
    clinic.sql("update raw.visits set duration = 30 where patient = 'b'")
    assert not reused(clinic.build())
    assert reused(clinic.build())
    assert clinic.rows("select count(*) from behavior.visits") == [(3,)]
    # A build that fails leaves no record behind, though the tables are as they were.
    clinic.sql("insert into raw.visits values (null, 'x', 1, '2024-01-04')")
    assert not clinic.build(raises=False).success
    clinic.sql("delete from raw.visits where patient is null")
    assert clinic.why() == "no finished build is known that would say the same again"
    assert not reused(clinic.build())


def test_a_build_looks_at_each_table_once_before_it_begins(built: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    fingerprint = SqlWarehouse.fingerprint

    def counted(warehouse: SqlWarehouse, relation: Relation, columns: list[str]) -> str:
        looked.append(str(relation))
        return fingerprint(warehouse, relation, columns)

    monkeypatch.setattr(SqlWarehouse, "fingerprint", counted)
    builds = Builds(built.project, STEP)
    record = builds.path.read_text()
    builds.same([["behavior", "visits"]], [])
    before = builds.begin()
    builds.path.write_text(record)
    assert sorted(looked) == sorted(".".join(name) for name, content in before.inputs.items() if content)
    assert before == Builds(built.project, STEP).begin()
    builds.path.write_text(record)


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("insert into raw.visits values ('c', 'x', 1, '2024-02-01')", "delete from raw.visits where patient = 'c'"),
        ("update raw.visits set duration = duration + 1", "update raw.visits set duration = duration - 1"),
        ("alter table raw.visits alter duration type bigint", "alter table raw.visits alter duration type integer"),
        ("alter table raw.visits add column note varchar", "alter table raw.visits drop column note"),
        ("alter table raw.visits rename to kept", "alter table raw.kept rename to visits"),
        ("alter table behavior.patients rename to kept", "alter table behavior.kept rename to patients"),
        ("insert into behavior.patients values ('z')", "delete from behavior.patients where patient = 'z'"),
        ("create schema basemodel; create table basemodel.forgotten (digest varchar)", "drop schema basemodel cascade"),
    ],
)  # fmt: skip
def test_a_build_runs_when_a_table_is_not_what_it_was(built: Clinic, change: str, undo: str) -> None:
    assert built.why() is None
    built.sql(change)
    assert built.why()
    built.sql(undo)
    assert built.why() is None


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("models/visits.sql", "visited_at\n", "visited_at \n"),
        ("dbt_project.yml", "longest: 60", "longest: 100"),
        ("models/models.yml", "severity: warn", "severity: error"),
        ("profiles.yml", "threads: 2", "threads: 1"),
    ],
)
def test_a_build_runs_when_a_file_changed(built: Clinic, file: str, old: str, new: str) -> None:
    with replaced(built.path(file), old, new):
        assert built.why()
    assert built.why() is None


def test_a_build_runs_when_a_file_is_added(built: Clinic) -> None:
    extra = built.path("models/logs/more.sql")  # a folder of models may be called as dbt's own is
    extra.parent.mkdir()
    extra.write_text("select 1 as one")
    assert built.why()
    shutil.rmtree(extra.parent)
    assert built.why() is None


def test_a_build_runs_when_the_environment_changed(built: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOSED_CLINIC", "DBT_FULL_REFRESH", "TZ"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "true")
            assert built.why(), name
    assert built.why() is None


def test_another_target_or_warehouse_is_another_state(built: Clinic, tmp_path: Path) -> None:
    project = built.project
    state = Builds(project, STEP)._project_state()
    for change in ({"target": "postgres"}, {"home": tmp_path}):
        other = Project(built.settings.model_copy(update=change), project.contract)
        assert Builds(other, STEP)._project_state() != state


def test_what_was_not_part_of_the_last_build_is_built(built: Clinic) -> None:
    builds = Builds(built.project, STEP)
    assert "others" in builds.same([["behavior", "others"]], [])[1]
    assert "unheard_of" in builds.same([], [(["behavior", "visits"], "unheard_of")])[1]


def test_a_record_that_cannot_be_read_is_none(built: Clinic) -> None:
    path = Builds(built.project, STEP).path
    text = path.read_text()
    for broken in ("", "{", "[]", "{}", text.replace('"form": 1', '"form": 0')):
        path.write_text(broken)
        assert built.why()
    path.write_text(text)
    assert built.why() is None


UNSOUND: list[Callable[[str], str]] = [
    lambda code: code.replace("patient,", "patient, current_timestamp as built_at,", 1),
    lambda code: code.replace("where", "where patient not in (select patient from raw.hidden) and"),
]


@pytest.mark.parametrize("change", UNSOUND)
def test_a_clock_and_a_hidden_table_are_built_each_time(tmp_path: Path, change: Callable[[str], str]) -> None:
    clinic = fresh_clinic(tmp_path)
    clinic.sql("create table raw.hidden (patient varchar)")
    model = clinic.path("models/visits.sql")
    model.write_text(change(model.read_text()))
    assert not reused(clinic.build())
    assert not Builds(clinic.project, STEP).path.exists()
    assert not reused(clinic.build())
