"""Forgetting from the command line: the stage, the dbt models built again, the file rewritten, Dagster told."""

import os
import subprocess
from dataclasses import dataclass

import dagster as dg
from rich.console import Console

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import DataError, WarehouseError
from basemodel_ops.settings import Settings
from basemodel_ops.stages import Erasure, Workspace, forget, models_due
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.compaction import compact
from dagster_project.defs.dbt_models import MARTS, has_marts
from dagster_project.lib.home import ensure_dagster_home
from dagster_project.lib.project import (
    SCORES_SOURCE,
    Project,
    dbt_environment,
    dbt_executable,
    dbt_options,
    load_project,
    profiles_directory,
)


@dataclass(frozen=True)
class Done:
    """What was forgotten, and how large the warehouse's file was and is (bytes; None where it is no file)."""

    forgotten: Erasure
    built: bool
    size: tuple[int, int] | None


def relation_of(name: str) -> Relation:
    """The relation that `schema.table` names; DataError where it is not of that form."""
    schema, dot, table = name.partition(".")
    if not (schema and dot and table):
        raise DataError(f"{name!r} is no table: write SCHEMA.TABLE, for example privacy.requests.")
    return Relation(schema_name=schema, name=table)


def forget_from(settings: Settings, name: str, run: str) -> Done:
    """Forget the ids in the table of that name, everywhere but in raw tables and that table itself."""
    project = load_project(settings)
    settings = project.settings
    workspace = Workspace.open(settings, project.contract, lambda _: None, run)
    forgotten = forget(workspace, relation_of(name))
    built = _rebuild(project)
    _tell_dagster(project, workspace)
    return Done(forgotten, built, compact(settings.warehouse_path) if settings.kind == "duckdb" else None)


def _rebuild(project: Project) -> bool:
    """Build again the dbt models that were built; whether there were any."""
    settings, scores = project.settings, project.source_tables(SCORES_SOURCE)
    with open_warehouse(settings) as warehouse:
        if not all(warehouse.exists(event.relation) for event in project.contract.events):
            return False
        scored = all(warehouse.exists(Relation(schema_name=settings.answers_schema, name=table)) for table in scores)
    command = [dbt_executable(), "--no-use-colors", "run", *dbt_options(settings)]
    if has_marts(project) and not scored:
        command += ["--exclude", MARTS]
    with dbt_environment(settings):
        built = subprocess.run(
            command,
            cwd=settings.dbt_project_dir,
            env={**os.environ, "DBT_PROFILES_DIR": str(profiles_directory(settings))},
            capture_output=True,
            text=True,
        )
    if built.returncode:
        raise WarehouseError(
            "The ids are noted and answers about them deleted, but the dbt models were not built again, so they still "
            f"hold them. Mend what dbt says and run this command again: {built.stdout.strip()[-2000:]}"
        )
    return True


def _tell_dagster(project: Project, workspace: Workspace) -> None:
    """Fail the check `forgotten` of each model that is due, until a run trains it again."""
    ensure_dagster_home(project.settings)
    with dg.DagsterInstance.get() as instance:
        for key, since in models_due(workspace).items():
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey(key.split("/")),
                    check_name="forgotten",
                    passed=False,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=f"Retrain due since {since}: it saw someone who is to be forgotten.",
                    blocking=True,
                )
            )


def print_forgotten(done: Done, source: str, console: Console) -> None:
    """What was forgotten, what is left to do and by whom."""
    erasure = done.forgotten
    lines = [
        f"{erasure.ids} ids in {source}, {erasure.new} of them new.",
        f"Deleted: {erasure.rows} rows of score tables. Removed: {len(erasure.artifacts)} artifacts that held ids.",
        "The dbt models were built again without them." if done.built else "No dbt model was built yet.",
    ]
    if done.size:
        lines.append(f"The warehouse's file was rewritten: {done.size[0]:,} bytes before, {done.size[1]:,} after.")
    if erasure.due:
        lines.append(f"Retrain due: {', '.join(erasure.due)}. Run `basemodel run`.")
    lines.append(f"Yours to delete: rows of raw tables, and {source} itself; then run `basemodel compact`.")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
