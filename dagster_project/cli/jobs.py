"""A job in this process: which of its steps are run, what stopped it or came out."""

import contextlib
import gc
import re
from collections.abc import Iterator, Sequence

import dagster as dg

from basemodel_ops.assets import SEGMENTATION
from basemodel_ops.contract.types import Cadence
from basemodel_ops.settings import Settings
from basemodel_ops.warming import start as start_warming
from dagster_project.cli.execution import RunError, partition
from dagster_project.definitions import build
from dagster_project.defs.answers import HELD_BACK
from dagster_project.defs.automation import RENEWED
from dagster_project.defs.dbt_models import BUILDS
from dagster_project.defs.partitions import register
from dagster_project.lib.finished import Outcome
from dagster_project.lib.home import ensure_dagster_home
from dagster_project.lib.jobs import MAIN_JOB, TRAIN_JOB
from dagster_project.lib.project import Project
from dagster_project.lib.surroundings import full, is_full

EXPECTED = re.compile(r"^(basemodel_ops\.errors\.\w+|dagster\.\S+\.Failure): ")
"""Before the message of an error that was raised on purpose; that of any other begins with its class."""


def run_job(project: Project, tasks: Sequence[str], as_of: str | None, job: str, dbt: str) -> Outcome:
    """Execute a job, for some tasks or all; see `run_main_job`.

    Args:
        project: Whose job it is.
        tasks: Names; all where there are none.
        as_of: The cutoff that is answered; the newest if not given.
        job: Its name.
        dbt: The path of dbt.

    Raises:
        RunError: it did not finish.
    """
    settings = project.settings
    home = ensure_dagster_home(settings)
    is_irregular = project.contract.grid.every is Cadence.IRREGULAR
    definitions = build(project, dbt)
    # dbt's own lines, a hundred a run, go to a file; progress is on stderr.
    log = home / "dbt.log"
    with (
        warmed(settings),
        dg.DagsterInstance.get() as instance,
        log.open("w") as file,
        contextlib.redirect_stdout(file),
    ):

        def execute(assets: list[dg.AssetKey] | None, key: str | None) -> dg.ExecuteInProcessResult:
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=key,
                asset_selection=assets,
                run_config={"loggers": {"progress": {}}, **(RENEWED if job == TRAIN_JOB else {})},
                raise_on_error=False,
            )
            if not result.success:
                raise RunError(
                    failure(result, settings)
                    + f"\nEvery step's log: `basemodel ui`, run {result.run_id}; dbt's: {log}."
                )
            return result

        _freeze()
        results = []
        if is_irregular and job != TRAIN_JOB:  # its cutoffs are known once its table is built
            results.append(execute(upstream(definitions, [project.key(project.contract.grid.relation)], job), None))
            register(instance, project)
        key = None if job == TRAIN_JOB else partition(project, as_of)
        results.append(execute(selection(definitions, tasks, job), key))
    return _outcome(results, key)


def _freeze() -> None:
    """Leave what stays until the end, assets, graph and modules, out of every collection: a tenth of a short run."""
    gc.collect()
    gc.freeze()


def _outcome(results: Sequence[dg.ExecuteInProcessResult], key: str | None) -> Outcome:
    """What became of a run, in one part or two."""
    checks = [check for result in results for check in result.get_asset_check_evaluations()]
    passed = {f"{check.asset_key.to_user_string()}, {check.check_name}": check.passed for check in checks}
    scored = {task: rows for result in results for task, rows in _rows_scored(result).items()}
    events = [event for result in results for event in result.all_events]
    steps = [event.step_key for event in events if event.is_step_success]
    materialized = [event.materialization for event in events if event.is_step_materialization]
    reused = {
        item.asset_key: "reused" in item.metadata and bool(item.metadata["reused"].value) for item in materialized
    }
    held = {
        check.asset_key.path[0]: check.description or "" for check in checks
        if check.check_name == HELD_BACK and not check.passed
    }  # fmt: skip
    return Outcome(
        results[-1].run_id, key, len(steps), len(reused), sum(reused.values()),
        [name for name in BUILDS if name in steps], [name for name in sorted(passed) if not passed[name]], scored, held,
    )  # fmt: skip


@contextlib.contextmanager
def warmed(settings: Settings) -> Iterator[None]:
    """On a machine that never ran, compile kernels beside the first minute, which is dbt's, a process of its own."""
    process = start_warming() if settings.compile_ahead else None
    try:
        yield
    finally:
        if process is not None:
            process.terminate()
            process.wait()


def selection(definitions: dg.Definitions, tasks: Sequence[str], job: str = MAIN_JOB) -> list[dg.AssetKey] | None:
    """Assets of a job that the tasks need; None for everything.

    Groups of entities are among what is trained: they were learnt of a foundation model that a task may have made anew.
    """
    if not tasks:
        return None
    graph = definitions.resolve_asset_graph()
    keys = [dg.AssetKey([task, part]) for task in tasks for part in ("evaluation", "scores", "deciles", "explanations")]
    keys.append(dg.AssetKey([SEGMENTATION]))
    return upstream(definitions, [key for key in keys if graph.has(key)], job)


def upstream(definitions: dg.Definitions, keys: Sequence[dg.AssetKey], job: str) -> list[dg.AssetKey]:
    """Assets of a job that these are made from, and they themselves."""
    graph = definitions.resolve_asset_graph()
    of_job = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
    return list(dg.AssetSelection.assets(*keys).upstream().resolve(graph) & set(of_job))


def failure(result: dg.ExecuteInProcessResult, settings: Settings) -> str:
    """What stopped the run: foreseen errors by their message, failed checks by their description."""
    checks = [
        f"{check.asset_key.to_user_string()}, check {check.check_name}: {_reason(check)}"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    steps = []
    for event in result.all_events:
        if event.event_type is not dg.DagsterEventType.STEP_FAILURE:
            continue
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        # A failed check has said what is wrong; that its step stopped over it says nothing more.
        if error and not (checks and error.cls_name in ("DagsterAssetCheckFailedError", "DagsterDbtCliRuntimeError")):
            anticipated = EXPECTED.sub("", error.message.strip())
            if is_full(anticipated):
                anticipated = f"{anticipated}\n    {full(settings)}"
            steps.append(f"{event.step_key}: {anticipated}")
    return "The run stopped.\n" + "\n".join(f"  - {line}" for line in (*steps, *checks))


def _reason(check: dg.AssetCheckEvaluation) -> str:
    """Why a check failed; a dbt test says how many rows it found."""
    if check.description:
        return check.description
    rows = check.metadata.get("dagster_dbt/failed_row_count")
    result = f"{rows.value} rows break it" if rows else "rows break it"
    return f"{result}. Mend the model or its sources: `dbt build --select` the model shows the query."


def _rows_scored(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """Rows that were scored, by task."""
    materializations = [event.materialization for event in result.all_events if event.is_step_materialization]
    return {
        item.asset_key.path[0]: item.metadata["rows"].value
        for item in materializations
        if item.asset_key and item.asset_key.path[1:] == ["scores"] and "rows" in item.metadata
    }
