"""Grids of any moments, from the contract to published scores and their checks."""

import io
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from basemodel_ops.contract.cutoffs import key_of, midnight
from basemodel_ops.contract.types import Cadence
from basemodel_ops.data_quality.preflight import preflight
from basemodel_ops.settings import Settings
from basemodel_ops.stages.checks.point_in_time import check_point_in_time
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from dagster_project.cli.execution import run_main_job
from dagster_project.definitions import build
from dagster_project.lib.project import load_project

from . import clinics
from .clinics import clinic

START = datetime(2024, 3, 4, 5)


def test_a_daily_grid_trains_scores_and_passes_its_checks(tmp_path: Path) -> None:
    current = clinic(Cadence.DAY, datetime(2024, 3, 4, 23, 30), 40, 3)
    clinics.answered(current, current.workspace(tmp_path))


@pytest.mark.parametrize(
    ("every", "start", "text"),
    [
        (Cadence.WEEK, START.date(), 'every: week, start: "2024-03-04 05:00"'),
        (Cadence.DAY, START.date(), 'every: day, start: "2024-03-04"'),
        (Cadence.MONTH, START.date(), 'every: month, start: "2024-03-04"'),
    ],
)
def test_a_table_on_another_grid_than_declared_is_named(
    every: Cadence, start: datetime, text: str, tmp_path: Path
) -> None:
    """A grid that says nothing but a date is weekly from midnight; the message says what to declare instead."""
    created = clinic(every, START if every is Cadence.WEEK else datetime(2024, 3, 4), 12, 3)
    declared = created.contract().model_copy(
        update={"grid": created.grid.model_copy(update={"every": Cadence.WEEK, "start": start})}
    )
    workspace = created.workspace(tmp_path, declared)
    with workspace.warehouse() as warehouse:
        wrong = [entry for entry in preflight(warehouse, declared, created.end) if not entry.passed]
    (check_result,) = wrong
    assert "of 12 cutoffs of main.cutoffs" in check_result.description
    assert f"`{text}`" in check_result.description


def test_what_happens_after_a_cutoff_at_five_changes_no_row(tmp_path: Path) -> None:
    """Events from 05:00 of a Monday on are dealt out anew among patients, clinics and moments."""
    created = clinic(Cadence.WEEK, START, 20, 3)
    workspace = created.workspace(tmp_path / "one")
    clinics.represented(workspace)
    assert check_point_in_time(workspace).passed
    moment = workspace.snapshot().times.training_end
    cutoff = workspace.snapshot().times.cutoffs[-4]
    assert moment < cutoff
    table, generator = created.visits(), np.random.default_rng(1)
    when = table.column("visited_at").cast(pa.int64()).to_numpy()
    later = np.flatnonzero(when >= cutoff)
    same_day = when[later] < cutoff + 3_600_000_000 * 19
    assert same_day.any(), "some events of the day of the cutoff must be later than it"
    order = np.arange(len(when))
    changed = {}
    for name in table.column_names:
        shuffled = order.copy()
        shuffled[later] = generator.permutation(later)
        changed[name] = table.column(name).take(pa.array(shuffled))
    labels = created.returns(table)  # what is asked stays; only events move
    other = created.workspace(tmp_path / "two", visits=pa.table(changed), returns=labels)
    clinics.represented(other)
    first, second = (ExamplesArtifact.current(entry.store) for entry in (workspace, other))
    rows = [np.flatnonzero(entry.cutoff <= cutoff) for entry in (first, second)]
    assert len(rows[0]) > 500
    values = [
        entry.gather(
            current, np.flatnonzero(~np.isin(np.arange(entry.layout.length), entry.positions("sketch", "density")))
        )
        for entry, current in zip((first, second), rows, strict=True)
    ]
    assert values[0].tobytes() == values[1].tobytes()
    after = [
        entry.gather(np.flatnonzero(entry.cutoff > cutoff), entry.positions("scalar")) for entry in (first, second)
    ]
    assert after[0].tobytes() != after[1].tobytes()


VISITS = Path(__file__).parents[1] / "projects" / "visits"
DECLARED = '{cutoff: cutoff, data_end: data_end, start: "2024-03-04", now: "2024-10-02"}'


def project(folder: Path, grid: str, cutoff: str) -> Path:
    """The project of visits, of 60 patients, with another declaration of its grid and other moments of its weeks."""
    copy = folder / "project"
    shutil.copytree(VISITS, copy, ignore=shutil.ignore_patterns("target", "logs"))
    changes = {
        "models/tasks/tasks.yml": (DECLARED, grid),
        "models/tasks/cutoffs.sql": ("weeks.cutoff,\n", f"{cutoff} as cutoff,\n"),
        "models/raw/visit_log.sql": ("range(120)", "range(60)"),
    }
    for name, (old, new) in changes.items():
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new))
    return copy


def ran(folder: Path, grid: str, cutoff: str, as_of: str | None = None) -> Settings:
    """The main job on such a project, in a home of its own."""
    home = folder / "home"
    settings = Settings(dbt_project_dir=project(folder, grid, cutoff), home=home).model_copy(update=clinics.SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder))
        run_main_job(settings, (), as_of, Console(file=io.StringIO(), width=200))
    return settings


def scored(settings: Settings) -> list[tuple[datetime, int]]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        query = "select as_of, count(*) from basemodel.returns_14d_scores group by 1 order by 1"
        return connection.execute(query).fetchall()


def test_the_job_answers_the_newest_cutoff_that_a_table_lists(tmp_path: Path) -> None:
    """A week and some hours that differ from week to week; the newest has begun, a later one has not."""
    grid = '{cutoff: cutoff, data_end: data_end, every: irregular, now: "2024-10-02 12:00"}'
    hours = "case when weeks.cutoff >= timestamp '2024-09-30' then 120 else day(weeks.cutoff) * 7 % 50 end"
    drift = f"weeks.cutoff + to_hours(cast({hours} as integer))"
    settings = ran(tmp_path, grid, drift)
    weeks = [datetime(2024, 3, 4) + timedelta(weeks=week) for week in range(31)]
    cutoffs = [week + timedelta(hours=week.day * 7 % 50) for week in weeks[:-1]] + [datetime(2024, 10, 5)]
    newest = max(entry for entry in cutoffs if entry <= datetime(2024, 10, 2, 12))
    assert newest == datetime(2024, 9, 23, 11)
    assert [moment for moment, _ in scored(settings)] == [newest]
    loaded = load_project(settings)
    definitions = build(loaded)
    assert midnight(loaded.contract.grid.now or newest) == datetime(2024, 10, 2, 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(settings.home / "dagster"))
        with dg.DagsterInstance.get() as instance:
            expected = {key_of(entry) for entry in cutoffs if entry <= newest}
            assert set(instance.get_dynamic_partitions("cutoffs")) == expected
            with dg.build_sensor_context(instance=instance) as context:
                result = definitions.resolve_sensor_def("irregular_scores")(context)
    assert isinstance(result, dg.SensorResult)
    (added,) = result.dynamic_partitions_requests or []
    assert set(added.partition_keys) == expected
    (request,) = result.run_requests or []
    assert (request.run_key, request.partition_key) == (key_of(newest), key_of(newest))
