"""The main job in this process, and the summary of what came out."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
from rich.console import Console

from basemodel_ops.adapters import ADAPTERS
from basemodel_ops.contract.types import Cadence
from basemodel_ops.errors import BaseModelError, SettingsError
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.ownership import check_owner
from basemodel_ops.warming import start as start_warming
from dagster_project.cli.report import write_page
from dagster_project.definitions import build
from dagster_project.defs.automation import MAIN_JOB, RENEWED, TRAIN_JOB
from dagster_project.defs.partitions import as_of as partition_moment
from dagster_project.defs.partitions import chosen, listed, register
from dagster_project.lib.home import ensure_dagster_home
from dagster_project.lib.locking import turn
from dagster_project.lib.project import Project, load_project
from dagster_project.lib.results import evaluations, print_evaluations
from dagster_project.lib.surroundings import full, is_full


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
    with turn(
        settings.home / "run.lock", lambda: console.print("Another run is at work in this home: waiting for it.")
    ):
        _run(project, tasks, as_of, console, job)


def _run(project: Project, tasks: Sequence[str], as_of: str | None, console: Console, job: str) -> None:
    settings = project.settings
    home = ensure_dagster_home(settings)
    names = known_tasks(project, tasks)
    is_irregular = project.contract.grid.every is Cadence.IRREGULAR
    key = None if is_irregular else partition(project, as_of)
    definitions = build(project)
    with open_warehouse(settings) as warehouse:  # one that cannot be reached, or is another's, is found before any work
        check_owner(warehouse, settings.answers_schema, settings.owner)
    is_dated = key is not None and job != TRAIN_JOB
    console.print(f"[bold]Running {job}[/bold]" + (f" as of {key}" if is_dated else ""))
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
                    _failure(result, settings)
                    + f"\nEvery step's log: `basemodel ui`, run {result.run_id}; dbt's: {log}."
                )
            return result

        if job == TRAIN_JOB:
            key = None
        elif is_irregular:  # its cutoffs are known once its table is built
            execute(upstream(definitions, [project.key(project.contract.grid.relation)], job), None)
            register(instance, project)
            key = partition(project, as_of)
        result = execute(selection(definitions, tasks, job), key)
    page = write_page(settings, partition_moment(key)) if key is not None else None
    _print_summary(project, names, _rows_scored(result), console, page)


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


def _print_summary(
    project: Project, tasks: Sequence[str], scored: dict[str, object], console: Console, page: Path | None
) -> None:
    """What the models of the tasks are worth, then where to look next."""
    print_evaluations(evaluations(project, tasks), scored, console)
    settings = project.settings
    where = settings.warehouse_path if settings.kind == "duckdb" else ADAPTERS[settings.kind].title
    console.print("[bold]Where to look next[/bold]")
    for line in (
        f"The report, a page to look at: {page}" if page else "The report of all tasks: `basemodel report` makes it",
        f"Answers: tables {settings.answers_schema}.<task>_scores in {where}, and the marts that read them.",
        "These figures again, and all candidates: `basemodel results`, `basemodel results TASK`",
        "Every step, its numbers, pictures and checks: `basemodel ui`, then http://127.0.0.1:3000",
        "What was declared and inferred: `basemodel contract`",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)


def print_plan(settings: Settings, renew: bool, console: Console) -> None:
    """Print what a run would make and why, on the tables as they stand; nothing is made."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.planning.plan import plan
    from dagster_project.lib.tables import print_steps

    project = load_project(settings)
    workspace = Workspace.open(project.settings, project.contract, lambda _: None, "plan")
    print_steps(plan(workspace, True if renew else None), console)


def answer_without_labels(settings: Settings, task: str, as_of: str | None, console: Console) -> None:
    """Answer a task by the current foundation model alone, into `basemodel.<task>_zero_shot`."""
    from basemodel_ops.stages import Workspace, zero_shot_scores

    project = load_project(settings)
    known_tasks(project, [task])
    key = partition(project, as_of)
    run = f"zero-shot {key}"
    workspace = Workspace.open(project.settings, project.contract, lambda _: None, run)
    report = zero_shot_scores(workspace, task, partition_moment(key), run)
    where = f"{project.settings.answers_schema}.{task}_zero_shot"
    console.print(f"{report.metrics['rows']} rows in {where} as of {key}, without a label.")
    if "mean_label" in report.metrics:
        means = f"Mean answer {report.metrics['mean_answer']}, mean label {report.metrics['mean_label']}."
        console.print(report.metrics.get("warning", means), soft_wrap=True, markup=False)


def known_tasks(project: Project, wanted: Sequence[str]) -> list[str]:
    """The wanted tasks, or all where none is; SettingsError names those that do not exist."""
    existing = [task.name for task in project.contract.tasks]
    unknown = [name for name in wanted if name not in existing]
    if unknown:
        raise SettingsError(f"No task {', '.join(unknown)}. There are: {', '.join(existing)}.")
    return list(wanted) or existing


def partition(project: Project, as_of: str | None) -> str:
    """The key of the cutoff at `as_of`, or of the newest; SettingsError if there is no such cutoff."""
    return chosen(project.contract.grid, as_of, listed(project))


def selection(definitions: dg.Definitions, tasks: Sequence[str], job: str = MAIN_JOB) -> list[dg.AssetKey] | None:
    """Assets of a job that the tasks need; None for everything."""
    if not tasks:
        return None
    graph = definitions.resolve_asset_graph()
    keys = [dg.AssetKey([task, part]) for task in tasks for part in ("evaluation", "scores", "deciles", "explanations")]
    return upstream(definitions, [key for key in keys if graph.has(key)], job)


def upstream(definitions: dg.Definitions, keys: Sequence[dg.AssetKey], job: str) -> list[dg.AssetKey]:
    """Assets of a job that these are made from, and they themselves."""
    graph = definitions.resolve_asset_graph()
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
            anticipated = error.message.strip().removeprefix(f"basemodel_ops.errors.{error.cls_name}: ")
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
        if item.asset_key and item.asset_key.path[1:] == ["scores"]
    }
