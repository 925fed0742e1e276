"""The main job on a dbt project of another domain: nothing in it is about the demo."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.errors import BaseModelError, ContractError, DataError, SettingsError, WarehouseError
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Workspace, query_entity
from dagster_project.cli.app import app
from dagster_project.cli.jobs import RunError
from dagster_project.lib.finished import forget
from dagster_project.lib.project import load_project

from .conftest import VISITS, Run, RunJob
from .test_imports import HEAVY, KERNELS, loaded

SCORES = "select * exclude (run_id, scored_at) from basemodel.returns_14d_scores order by all"
EVERYTHING = "select * from basemodel.returns_14d_scores order by all"
LEDGER = "select * from basemodel.ledger order by all"


def test_answers_of_the_newest_week_are_in_the_warehouse(visits: Run) -> None:
    columns = [name for name, *_ in visits.rows("describe basemodel.returns_14d_scores")]
    assert columns == ["patient", "as_of", "score", "model_version", "run_id", "scored_at"]
    requested = visits.rows("select patient from tasks.returns_14d where cutoff = '2024-09-30' order by 1")
    assert visits.rows("select patient from basemodel.returns_14d_scores order by 1") == requested
    assert len(requested) > 50
    ((low, high, weeks),) = visits.rows(
        "select min(score), max(score), count(distinct as_of) from basemodel.returns_14d_scores"
    )
    assert 0 <= low < high <= 1
    assert weeks == 1


def test_the_summary_names_model_baseline_metric_and_rows(visits: Run) -> None:
    line = next(line for line in visits.printed.splitlines() if "returns_14d" in line)
    ((rows,),) = visits.rows("select count(*) from basemodel.returns_14d_scores")
    assert "auroc" in line
    assert "plain" in line
    assert str(rows) in line


def test_a_second_run_changes_nothing(visits: Run, run_job: RunJob) -> None:
    scores, ledger = visits.rows(EVERYTHING), visits.rows(LEDGER)
    stamps = _stamps(visits)
    forget(visits.settings)  # else no step is run
    again = run_job(VISITS, home=visits.settings.home)
    assert again.rows(EVERYTHING) == scores
    assert again.rows(LEDGER) == ledger
    assert _stamps(visits) == stamps
    assert {path.name for path in stamps} >= {"run_results.json", "quality.json", "no_future.json"}


def _stamps(run: Run) -> dict[Path, int]:
    """When each array, each result of a dbt build and each remembered finding was written."""
    home = run.settings.home
    result = (
        (home / "artifacts").rglob("*.safetensors"),
        home.glob("dbt/*/*/run_results.json"),
        home.glob("findings/**/*"),
    )
    return {path: path.stat().st_mtime_ns for paths in result for path in paths if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(visits: Run, run_job: RunJob) -> None:
    other = run_job(VISITS)
    assert other.rows(SCORES) == visits.rows(SCORES)
    assert other.artifacts == visits.artifacts


EARLIER = "2024-09-16"


@pytest.fixture(scope="module")
def earlier(visits: Run, run_job: RunJob) -> list[tuple]:
    """A run for an earlier week in the same home; the answers that were there before it."""
    before = visits.rows(EVERYTHING)
    run_job(VISITS, as_of=EARLIER, home=visits.settings.home)
    return before


def test_another_week_is_another_partition(visits: Run, earlier: list[tuple]) -> None:
    assert visits.rows(EVERYTHING.replace(" order by", " where as_of = '2024-09-30' order by")) == earlier
    assert visits.rows("select distinct as_of::varchar from basemodel.returns_14d_scores order by 1") == [
        (f"{EARLIER} 00:00:00",),
        ("2024-09-30 00:00:00",),
    ]


@pytest.mark.usefixtures("earlier")
def test_the_page_to_look_at_stays_that_of_the_newest_week(visits: Run) -> None:
    assert "BaseModel report, 2024-09-30" in (visits.settings.home / "report.html").read_text(encoding="utf-8")
    assert (visits.settings.home / "artifacts" / "report" / EARLIER).is_dir()


@pytest.mark.usefixtures("earlier")
def test_the_future_changes_nothing_that_is_known_before_it(
    visits: Run, run_job: RunJob, edited: Callable[[str, str, str], Path]
) -> None:
    """Everything at or after a cutoff is turned round; what is learnt and known before it keeps every byte."""
    cutoff = EARLIER
    turned = f"""
        select
            patient, visited_at,
            case when visited_at < '{cutoff}' then clinic else reverse(clinic) end as clinic,
            case when visited_at < '{cutoff}' then duration else 1000 - duration end as duration
        from visit_log"""
    other = run_job(edited("models/behavior/visits.sql", "select * from visit_log", turned), as_of=cutoff)
    known = [
        name
        for name in visits.artifacts
        if name.startswith(("encoders/", "embeddings/", "codes/", f"entity_representation/{cutoff}"))
        or name == "foundation_model/weights.safetensors"
    ]
    assert {name.split("/")[0] for name in known} >= {"encoders", "entity_representation", "foundation_model"}
    for name in known:
        assert other.artifacts[name] == visits.artifacts[name], name
    scored = f"select count(*) from behavior.visits where visited_at >= '{cutoff}' and duration > 900"
    assert other.rows(scored) != visits.rows(scored)


def test_only_the_demo_loader_knows_the_demo() -> None:
    words = re.compile(r"household|basket|product_id|purchase|coupon|patient|clinic", re.IGNORECASE)
    root = Path(__file__).parents[2]
    files = [path for package in ("basemodel_ops", "dagster_project") for path in (root / package).rglob("*.py")]
    # Which names people give to columns is what `proposal/roles.py` knows, of any field.
    files.remove(root / "basemodel_ops/proposal/roles.py")
    result = {
        f"{path.relative_to(root)}: {line.strip()}"
        for path in files
        if path.name not in ("demo.py", "raw.py")
        for line in path.read_text().splitlines()
        if words.search(line)
    }
    assert not result


def refused(run_job: RunJob, project: Path, home: Path) -> str:
    """The message of a run that must stop before any long work, with nothing half-written."""
    with pytest.raises(RunError) as stopped:
        run_job(project, home=home)
    assert not (home / "artifacts").exists()
    written = "select table_name from information_schema.tables where table_schema = 'basemodel'"
    assert Run(Settings(home=home), "").rows(written) == []
    return str(stopped.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("select * from visit_log", "select * from visit_log where false", ("behavior.visits is empty", "load")),
        (
            "select * from visit_log",
            "select * replace (case when clinic = 'clinic 1' then visited_at + interval '1 year' else visited_at end "
            "as visited_at) from visit_log",
            ("behavior.visits have visited_at after now", "2024-10-02", "filter"),
        ),
        (
            "select * from visit_log",
            "select * replace (case when clinic = 'clinic 1' then null else patient end as patient) from visit_log",
            ("behavior/visits", "not_null_visits_patient", "469 rows break it", "Mend the model"),
        ),
    ],
    ids=["an empty table", "events after now", "null keys"],
)
def test_rows_that_contradict_the_contract_stop_the_run_before_the_work(
    run_job: RunJob, edited: Callable, tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    message = refused(run_job, edited("models/behavior/visits.sql", old, new), tmp_path / "home")
    for word in words:
        assert word in message


def test_duplicate_keys_of_a_task_are_named(run_job: RunJob, edited: Callable, tmp_path: Path) -> None:
    twice = "select * from final\nunion all\nselect * from final"
    project = edited("models/tasks/returns_14d.sql", "select * from final", twice)
    message = refused(run_job, project, tmp_path / "home")
    assert "tasks.returns_14d" in message
    assert "['patient', 'cutoff']" in message
    assert "keep one row per key" in message


def test_a_warehouse_held_by_another_process_is_named_before_any_work(
    run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("basemodel_ops.warehouse.duckdb.LOCK_TIMEOUT", 0.0)
    home = tmp_path / "home"
    home.mkdir()
    program = (
        f"import duckdb; c = duckdb.connect({str(home / 'warehouse.duckdb')!r}); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "open"
        with pytest.raises(WarehouseError, match=r"open in another process.*Close it there"):
            run_job(VISITS, home=home)
        holder.communicate("\n")
    assert not (home / "artifacts").exists()


def test_missing_snowflake_variables_are_named_at_once(
    run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCOUNT", "USER", "PASSWORD", "PRIVATE_KEY_PATH", "PRIVATE_KEY", "DATABASE", "WAREHOUSE", "ROLE"):
        monkeypatch.delenv(f"SNOWFLAKE_{name}", raising=False)
    monkeypatch.setenv("BASEMODEL_TARGET", "snowflake")
    with pytest.raises(SettingsError) as missing:
        run_job(VISITS, home=tmp_path / "home")
    for name in ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER", "SNOWFLAKE_DATABASE", "SNOWFLAKE_PRIVATE_KEY_PATH"):
        assert name in str(missing.value)
    assert "BASEMODEL_TARGET=duckdb" in str(missing.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("models/behavior/visits.yml", "event:", "happening:", ("visits", "event")),
        ("models/tasks/tasks.yml", "entity: patient,", "entity: person,", ("returns_14d", "person", "patient")),
        (
            "models/behavior/visits.yml",
            "visited_at, data_type: timestamp",
            "visited_at, data_type: varchar",
            ("visits", "visited_at", "varchar", "timestamp"),
        ),
    ],
    ids=["no event annotation", "an unknown entity", "a time that is no timestamp"],
)
def test_a_contract_with_mistakes_stops_before_dbt_builds(
    run_job: RunJob, edited: Callable, tmp_path: Path, file: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(ContractError) as refused:
        run_job(edited(file, old, new), home=tmp_path / "home")
    for word in words:
        assert word in str(refused.value)
    assert not (tmp_path / "home" / "warehouse.duckdb").exists()
    assert isinstance(refused.value, BaseModelError)


def test_a_representation_answers_what_the_events_say(visits: Run) -> None:
    """Decayed counts and the last visit of each clinic, asked of the vector, computed from the events."""
    settings, cutoff = visits.settings, "2024-09-30"
    project = load_project(settings)
    workspace = Workspace.open(settings, project.contract, lambda _: None, "test")
    moment = datetime.fromisoformat(cutoff)
    replies = query_entity(workspace, "patient 7", "visits", "clinic", moment, [], 10)
    true = visits.rows(f"""
        select clinic, sum(pow(2, -epoch(timestamp '{cutoff}' - visited_at) / 86400 / 365)),
            min(epoch(timestamp '{cutoff}' - visited_at) / 86400)
        from behavior.visits where patient = 'patient 7' and visited_at < '{cutoff}' group by 1 order by 2 desc""")
    assert [answer.value for answer in replies] == [clinic for clinic, *_ in true]
    for answer, (_, count, age) in zip(replies, true, strict=True):
        assert answer.probability == 1
        assert answer.count == pytest.approx(count, rel=0.01)
        assert answer.age == pytest.approx(age, abs=0.5)
    (absent,) = query_entity(workspace, "patient 7", "visits", "clinic", moment, ["nowhere"], 10)
    assert (absent.probability, absent.count) == (0, 0)


@pytest.mark.parametrize(
    ("entity", "source", "column", "words"),
    [
        ("nobody", "visits", "clinic", ("nobody", "2024-09-30", "patient 1")),
        ("patient 7", "visits", "colour", ("colour", "visits.clinic")),
    ],
)
def test_what_cannot_be_asked_says_what_can(
    visits: Run, entity: str, source: str, column: str, words: tuple[str, ...]
) -> None:
    project = load_project(visits.settings)
    workspace = Workspace.open(visits.settings, project.contract, lambda _: None, "test")
    with pytest.raises(DataError) as refused:
        query_entity(workspace, entity, source, column, datetime(2024, 9, 30), [], 10)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("command", [("query", "patient 1", "--source", "visits", "--column", "clinic"), ("layout",)])
def test_querying_and_explaining_load_neither_learner_nor_orchestrator(visits: Run, command: tuple[str, ...]) -> None:
    assert not loaded(visits.settings.home, *command, BASEMODEL_DBT_PROJECT_DIR=str(VISITS)) & (set(HEAVY) - KERNELS)


def test_the_layout_says_where_every_number_stands(visits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    printed = CliRunner().invoke(app, ["layout"])
    assert printed.exit_code == 0, printed.output
    rows = json.loads(CliRunner().invoke(app, ["layout", "--json"]).stdout)
    artifact = ArtifactStore(visits.settings.artifact_root).current("training_examples")
    assert rows[-1]["offset"] + rows[-1]["length"] == artifact.report["length"]
    for row in rows:
        assert row["block"] in printed.output


def test_the_inference_report_is_written_for_review(visits: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEMODEL_HOME", str(visits.settings.home))
    monkeypatch.setenv("BASEMODEL_DBT_PROJECT_DIR", str(VISITS))
    printed = CliRunner().invoke(app, ["contract", "--profile"])
    assert printed.exit_code == 0, printed.output
    report = (visits.settings.home / "inference_report.md").read_text()
    assert "| visits | clinic | varchar | category | inferred |" in report
    assert "inference_report.md" in printed.output.replace("\n", "")
