"""The main job in this process, and the summary of what came out."""

import contextlib
from collections.abc import Iterator, Sequence

import dagster as dg
from rich.console import Console

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.errors import BaseModelError, SettingsError
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warming import start as start_warming
from dagster_project.automation import MAIN_JOB, RENEWED, TRAIN_JOB
from dagster_project.definitions import build
from dagster_project.home import ensure_dagster_home
from dagster_project.partitions import as_of as partition_moment
from dagster_project.partitions import newest_key, weekly
from dagster_project.project import Project, load_project
from dagster_project.surroundings import full, is_full
from dagster_project.tables import print_summary


class RunError(BaseModelError):
    """The job did not finish; says which step or check stopped it."""


def run_main_job(
    settings: Settings, tasks: Sequence[str], as_of: str | None, console: Console, job: str = MAIN_JOB
) -> None:
    """Execute a job, for some tasks or all, and print a table of the results.

    Args:
        settings: Of the project.
        tasks: Names; all where there are none.
        as_of: The cutoff that is answered; the newest if not given.
        console: Where the table goes.
        job: `MAIN_JOB`, `TRAIN_JOB` or `SCORE_JOB`.
    """
    console.print("[bold]Reading the dbt project[/bold]")
    project = load_project(settings)
    home = ensure_dagster_home(settings)
    names = _tasks(project, tasks)
    key = partition(project, as_of)
    definitions = build(project)
    with open_warehouse(settings):  # a warehouse that cannot be reached is found before any work
        pass
    console.print(f"[bold]Running {job}[/bold]" + ("" if job == TRAIN_JOB else f" as of {key}"))
    # dbt's own lines, a hundred a run, go to a file; progress is on stderr.
    log = home / "dbt.log"
    with (
        warmed(settings),
        dg.DagsterInstance.get() as instance,
        log.open("w") as file,
        contextlib.redirect_stdout(file),
    ):
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=None if job == TRAIN_JOB else key,
            asset_selection=selection(definitions, tasks, job),
            run_config={"loggers": {"progress": {}}, **(RENEWED if job == TRAIN_JOB else {})},
            raise_on_error=False,
        )
    if not result.success:
        raise RunError(
            _failure(result, settings) + f"\nEvery step's log: `basemodel ui`, run {result.run_id}; dbt's: {log}."
        )
    print_summary(project, names, _evaluations(project, names), _metadata(result), console)


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


def _evaluations(project: Project, tasks: Sequence[str]) -> dict[str, dict[str, object]]:
    """What is reported of the evaluation of each task's model, whether it was fitted now or before."""
    store = ArtifactStore(project.settings.artifact_root)
    return {task: store.current(f"{task}/evaluation").json("report") for task in tasks}


def print_plan(settings: Settings, renew: bool, console: Console) -> None:
    """Print what a run would make and why, on the tables as they stand; nothing is made."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.planning.plan import plan
    from dagster_project.tables import print_steps

    project = load_project(settings)
    workspace = Workspace.open(settings, project.contract, lambda _: None, "plan")
    print_steps(plan(workspace, True if renew else None), console)


def answer_without_labels(settings: Settings, task: str, as_of: str | None, console: Console) -> None:
    """Answer a task by the current foundation model alone, into `basemodel.<task>_zero_shot`."""
    from basemodel_ops.stages import Workspace, zero_shot_scores

    project = load_project(settings)
    _tasks(project, [task])
    key = partition(project, as_of)
    run = f"zero-shot {key}"
    workspace = Workspace.open(settings, project.contract, lambda _: None, run)
    report = zero_shot_scores(workspace, task, partition_moment(key), run)
    console.print(f"{report.numbers['rows']} rows in basemodel.{task}_zero_shot as of {key}, without a label.")


def _tasks(project: Project, wanted: Sequence[str]) -> list[str]:
    existing = [task.name for task in project.contract.tasks]
    unknown = [name for name in wanted if name not in existing]
    if unknown:
        raise SettingsError(f"No task {', '.join(unknown)}. There are: {', '.join(existing)}.")
    return list(wanted) or existing


def partition(project: Project, as_of: str | None) -> str:
    """The key of the cutoff at `as_of`, or of the newest; SettingsError if there is no such cutoff."""
    partitions = weekly(project.contract.grid)
    if as_of is None:
        return newest_key(partitions)
    keys = partitions.get_partition_keys()
    if as_of not in keys:
        raise SettingsError(f"No cutoff at {as_of}. Cutoffs are weekly, from {keys[0]} to {keys[-1]}.")
    return as_of


def selection(definitions: dg.Definitions, tasks: Sequence[str], job: str = MAIN_JOB) -> list[dg.AssetKey] | None:
    """Assets of a job that the tasks need; None for everything."""
    if not tasks:
        return None
    graph = definitions.resolve_asset_graph()
    keys = [dg.AssetKey([task, part]) for task in tasks for part in ("evaluation", "scores", "explanations")]
    keys = [key for key in keys if graph.has(key)]
    of_job = definitions.resolve_job_def(job).asset_layer.executable_asset_keys
    return list(dg.AssetSelection.assets(*keys).upstream().resolve(graph) & set(of_job))


def _failure(result: dg.ExecuteInProcessResult, settings: Settings) -> str:
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
            foreseen = error.message.strip().removeprefix(f"basemodel_ops.errors.{error.cls_name}: ")
            if is_full(foreseen):
                foreseen = f"{foreseen}\n    {full(settings)}"
            steps.append(f"{event.step_key}: {foreseen}")
    return "The run stopped.\n" + "\n".join(f"  - {line}" for line in (*steps, *checks))


def _reason(check: dg.AssetCheckEvaluation) -> str:
    """Why a check failed; a dbt test says how many rows it found."""
    if check.description:
        return check.description
    rows = check.metadata.get("dagster_dbt/failed_row_count")
    found = f"{rows.value} rows break it" if rows else "rows break it"
    return f"{found}. Mend the model or its sources: `dbt build --select` the model shows the query."


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Metadata values by asset, as `task/part`."""
    materializations = [event.materialization for event in result.all_events if event.is_step_materialization]
    return {
        item.asset_key.to_user_string(): {name: value.value for name, value in item.metadata.items()}
        for item in materializations
        if item.asset_key
    }
