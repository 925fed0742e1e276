"""The main job, run where there is something to do, and the summary of what came out. Dagster is loaded to run it."""

from collections.abc import Sequence

from rich.console import Console

from basemodel_ops.adapters import ADAPTERS
from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import SEGMENTATION, model_key
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Cadence
from basemodel_ops.errors import BaseModelError, SettingsError
from basemodel_ops.settings import Settings
from basemodel_ops.warehouse import open_warehouse
from basemodel_ops.warehouse.ownership import check_owner
from dagster_project.cli.report import newest_reported, write_page
from dagster_project.defs.partitions import as_of as partition_moment
from dagster_project.defs.partitions import chosen, listed, timestamp
from dagster_project.lib.finished import Outcome, forget, last, note
from dagster_project.lib.jobs import MAIN_JOB, SCORE_JOB, TRAIN_JOB
from dagster_project.lib.loaded_dbt import loaded
from dagster_project.lib.locking import turn
from dagster_project.lib.project import Project, dbt_executable, load_project
from dagster_project.lib.results import evaluations, print_evaluations

NO_PAGE = "The report of all tasks: `basemodel report` makes it"


class RunError(BaseModelError):
    """The job did not finish, or answered some tasks only; says which step or check stopped it."""


def run_main_job(
    settings: Settings, tasks: Sequence[str], as_of: str | None, console: Console, job: str = MAIN_JOB
) -> None:
    """Execute a job, for some tasks or all, unless the last run left nothing to do; print a table of the results.

    Args:
        settings: Of the project.
        tasks: Names; all where there are none.
        as_of: The cutoff that is answered; the newest if not given.
        console: Where the table goes.
        job: `MAIN_JOB`, `TRAIN_JOB` or `SCORE_JOB`.

    Raises:
        RunError: it did not finish, a model to score by is not there, or one may not answer; all else is made then.
    """
    console.print("[bold]Reading the dbt project[/bold]")
    project = load_project(settings)
    with turn(
        settings.home / "run.lock", lambda: console.print("Another run is at work in this home: waiting for it.")
    ):
        _run(project, tasks, as_of, console, job)


def _run(project: Project, tasks: Sequence[str], as_of: str | None, console: Console, job: str) -> None:
    settings, grid = project.settings, project.contract.grid
    names, is_dated = known_tasks(project, tasks), job != TRAIN_JOB
    if job == SCORE_JOB:
        _check_trained(project, tasks, names)
    # The cutoffs of an irregular grid are known once its table is built.
    is_known = is_dated and grid.every is not Cadence.IRREGULAR
    key = partition(project, as_of) if is_known else None
    with open_warehouse(settings) as warehouse:  # one that cannot be reached, or is another's, is found before any work
        check_owner(warehouse, settings.answers_schema, settings.owner)
    request = [job, list(tasks), key or as_of, timestamp(grid).date()]
    before = last(project, request)
    if before and is_dated and before.key != (key or partition(project, as_of)):
        before = None
    what = _why_skipped(before) if before else f"Running {job}" + (f" as of {key}" if key else "")
    console.print(what, style="bold", soft_wrap=True)
    outcome = before or _run_job(project, tasks, as_of, job, request)
    _print_summary(project, names, outcome, console, write_report(settings, outcome.key))
    if not before:
        console.print(f"  Of {outcome.assets} assets {outcome.reused} were there, made from the same, and stayed.")
    if outcome.held_back:
        lines = [f"  - {task} is not scored: {why}" for task, why in outcome.held_back.items()]
        raise RunError("All else is made, and tables of these tasks stay as they were:\n" + "\n".join(lines))


def _check_trained(project: Project, tasks: Sequence[str], names: Sequence[str]) -> None:
    """RunError, before any work, where a job that fits nothing lacks what it answers by."""
    store = ArtifactStore(project.settings.artifact_root)
    untrained = [name for name in names if store.newest(model_key(name)) is None]
    if untrained:
        ready = next((f", and `basemodel score --task {name}` answers" for name in names if name not in untrained), "")
        raise RunError(
            f"Scoring fits nothing, and no model was trained yet of {', '.join(untrained)}. `basemodel train` trains "
            f"what is missing{ready}."
        )
    if not tasks and store.newest(SEGMENTATION) is None:
        raise RunError(
            "Scoring fits nothing, and no groups to divide entities into were learnt yet, as tasks were trained one by "
            f"one. `basemodel train` learns them, and `basemodel score --task {names[0]}` answers without."
        )


def _run_job(project: Project, tasks: Sequence[str], as_of: str | None, job: str, request: Sequence[object]) -> Outcome:
    """Run a job, and note what became of it."""
    forget(project.settings)
    with loaded(dbt_executable(), project.settings.kind) as dbt:
        from dagster_project.cli.jobs import run_job  # loads Dagster, while dbt loads itself

        outcome = run_job(project, tasks, as_of, job, dbt)
    if not outcome.held_back:
        note(project, request, outcome)
    return outcome


def _why_skipped(before: Outcome) -> str:
    """That nothing is made and why, and which checks warned of what stands."""
    text = (
        "Nothing to make: code, settings, files of dbt, tables and artifacts are what run "
        f"{before.run[:8]} saw and left. Its {before.steps} steps stand"
    )
    return text + (f", and so do its warnings: {'; '.join(before.warned)}" if before.warned else "")


def write_report(settings: Settings, key: str | None) -> str:
    """Write the page of the newest week that has one; where it is, and where that of the week answered is."""
    if key is None:
        return NO_PAGE
    shown = newest_reported(settings, partition_moment(key))
    page = write_page(settings, shown)
    if page is None:
        return NO_PAGE
    if key_of(shown) == key:
        return f"The report, a page to look at: {page}"
    return f"The report of {key_of(shown)}, the newest week: {page}; that of {key}: `basemodel report --as-of {key}`"


def _print_summary(project: Project, tasks: Sequence[str], outcome: Outcome, console: Console, page: str) -> None:
    """What the models of the tasks are worth, then where to look next."""
    print_evaluations(evaluations(project, tasks), outcome.scored, console)
    settings = project.settings
    where = settings.warehouse_path if settings.kind == "duckdb" else ADAPTERS[settings.kind].title
    console.print("[bold]Where to look next[/bold]")
    for line in (
        page,
        f"Answers: tables {settings.answers_schema}.<task>_scores in {where}, and the marts that read them.",
        "These figures again, and all candidates: `basemodel results`, `basemodel results TASK`",
        "Every step, its numbers, pictures and checks: `basemodel ui`, then http://127.0.0.1:3000",
        "What was declared and inferred: `basemodel contract`",
    ):
        console.print(f"  {line}", soft_wrap=True, markup=False)


def print_plan(settings: Settings, renew: bool, as_of: str | None, console: Console) -> None:
    """Print what a run would make and why, on the tables as they stand; nothing is made."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.planning.plan import plan
    from basemodel_ops.stages.planning.week import plan_answers
    from dagster_project.lib.tables import print_steps

    project = load_project(settings)
    workspace = Workspace.open(project.settings, project.contract, lambda _: None, "plan")
    if missing := _unbuilt(project):
        console.print(
            f"Not built yet: {', '.join(missing)}. `basemodel run` builds the dbt models and then makes everything: "
            "encoders, representation, models, answers. How many rows, how much memory and how long is known once they "
            "are there: it says so before it begins, and so does `basemodel plan`, after `dbt build` with "
            f"BASEMODEL_WAREHOUSE_PATH as {settings.warehouse_path} where that is DuckDB.",
            soft_wrap=True, markup=False,
        )  # fmt: skip
        return
    key = partition(project, as_of)
    trained = plan(workspace, True if renew else None)
    print_steps([*trained, *plan_answers(workspace, partition_moment(key), trained)], console)


def _unbuilt(project: Project) -> list[str]:
    """Relations of the contract that are not in the warehouse."""
    contract = project.contract
    declared = [*contract.events, *contract.attributes, *contract.tasks, contract.grid]
    with open_warehouse(project.settings) as warehouse:
        return [str(node.relation) for node in declared if not warehouse.exists(node.relation)]


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
