"""The command line: `basemodel --help` lists what it can."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from basemodel_ops.errors import BaseModelError, ContractError, SettingsError
from basemodel_ops.settings import Settings
from dagster_project.cli import report as report_commands
from dagster_project.cli import similar as insight_commands
from dagster_project.cli.explain import explain
from dagster_project.cli.init import init
from dagster_project.cli.options import AsOf
from dagster_project.cli.serve import serve

if TYPE_CHECKING:
    from dagster_project.lib.project import Project

app = typer.Typer(
    help="From the behaviour in a dbt project to one foundation model and its answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help names an option by what it does, and loads in half the time
)

audit = typer.Typer(help="The log of what was read from the warehouse.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit, name="audit")

app.add_typer(serve, name="serve")


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """End with one clear message, not a traceback, when an error was foreseen."""
    try:
        yield
    except BaseModelError as error:
        _say(error)
        raise typer.Exit(1) from error
    except Exception as error:
        from dagster_project.lib.surroundings import anticipated

        settings_error = anticipated(error, read_settings())
        if settings_error is None:
            raise
        _say(settings_error)
        raise typer.Exit(1) from error


def check_built(project: "Project") -> None:
    """SettingsError if there are no values to look at yet, as dbt built nothing; opens no file that is not there."""
    from basemodel_ops.warehouse import open_warehouse

    settings, contract = project.settings, project.contract
    relations = [source.relation for source in (*contract.events, *contract.attributes)]
    missing = relations
    if settings.kind != "duckdb" or settings.warehouse_path.exists():
        with open_warehouse(settings) as warehouse:
            missing = [relation for relation in relations if not warehouse.exists(relation)]
    if missing:
        raise SettingsError(
            f"The declarations are sound, but there are no values to look at: {', '.join(map(str, missing))} "
            f"{'is' if len(missing) == 1 else 'are'} not built yet. Build the dbt models, `basemodel run` or "
            f"`dbt build --target {settings.target}`, and ask again."
        )


def _say(error: BaseModelError) -> None:
    Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)


def read_settings() -> Settings:
    """Settings from the environment; SettingsError names each variable that is out of bounds."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"BASEMODEL_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()
        )
        raise SettingsError(f"Settings are wrong. {problems}.") from error


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(metadata.version("basemodel_ops"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """From the behaviour in a dbt project to one foundation model and its answers."""


@app.command()
def contract(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    profile: Annotated[bool, typer.Option(help="Look at values too, and write the inference report.")] = False,
) -> None:
    """Print sources, columns, tasks and problems of the dbt project; exit 1 if there are problems."""
    from basemodel_ops.contract.nodes import unread
    from dagster_project.lib.project import load_project
    from dagster_project.lib.tables import print_contract, print_profiles

    with plain_errors():
        try:
            project = load_project(read_settings())
        except ContractError as error:
            if not as_json:
                raise
            typer.echo(json.dumps({"contract": None, "problems": error.problems}, indent=2))
            raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"contract": project.contract.model_dump(mode="json"), "problems": []}, indent=2))
    else:
        print_contract(project.contract, Console(), unread(project.manifest))
    if profile:
        from basemodel_ops.data_quality.profiles import inference_report, profiles, unread
        from basemodel_ops.stages import Workspace

        with plain_errors():
            check_built(project)
            workspace = Workspace.open(project.settings, project.contract, lambda _: None, "profile")
            with workspace.warehouse() as warehouse:
                result = profiles(warehouse, project.contract)
        path = project.settings.home / "inference_report.md"
        path.write_text(inference_report(result, unread((*project.contract.events, *project.contract.attributes))))
        print_profiles(result, Console(stderr=as_json))
        Console(stderr=as_json, soft_wrap=True).print(f"The whole report: {path}")


@app.command()
def run(
    task: Annotated[list[str] | None, typer.Option(help="Only this task, and what it needs. Repeatable.")] = None,
    as_of: AsOf = None,
    zero_shot: Annotated[
        str | None, typer.Option(help="Only answer this task, without a label, by the foundation model that is there.")
    ] = None,
) -> None:
    """Run the main job here and now, with its progress on this terminal."""
    from dagster_project.cli.execution import answer_without_labels, run_main_job
    from dagster_project.lib.home import calm_threads

    calm_threads()
    with plain_errors():
        if zero_shot is not None:
            answer_without_labels(read_settings(), zero_shot, as_of, Console())
            return
        run_main_job(read_settings(), tuple(task or ()), as_of, Console())


@app.command()
def train(
    task: Annotated[list[str] | None, typer.Option(help="Only this task, and what it needs. Repeatable.")] = None,
) -> None:
    """Take a new snapshot of the tables and learn from it whatever changed; answers stay as they are."""
    _run_job(tuple(task or ()), None, "train_job")


@app.command()
def score(
    task: Annotated[list[str] | None, typer.Option(help="Only this task. Repeatable.")] = None,
    as_of: AsOf = None,
) -> None:
    """Answer by the models that are there, and fit nothing."""
    _run_job(tuple(task or ()), as_of, "score_job")


def _run_job(tasks: tuple[str, ...], as_of: str | None, job: str) -> None:
    from dagster_project.cli.execution import run_main_job
    from dagster_project.lib.home import calm_threads

    calm_threads()
    with plain_errors():
        run_main_job(read_settings(), tasks, as_of, Console(), job)


@app.command()
def plan(
    renew: Annotated[bool, typer.Option("--renew", help="As `train` would: with a new snapshot, due or not.")] = False,
) -> None:
    """Say what a run would make and reuse, and why, without doing it."""
    from dagster_project.cli.execution import print_plan

    with plain_errors():
        print_plan(read_settings(), renew, Console())


@app.command()
def results(
    task: Annotated[str | None, typer.Argument(help="Every candidate of this task; all tasks if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Print what the current models are worth on the test cutoffs, beside their baselines."""
    from dagster_project.cli.execution import known_tasks
    from dagster_project.lib.project import load_project
    from dagster_project.lib.results import candidates, evaluations, print_candidates, print_evaluations

    with plain_errors():
        project = load_project(read_settings())
        result = evaluations(project, known_tasks(project, [task] if task else []))
        metrics = {name: candidates(project, name) for name in (result if as_json else [task] if task else [])}
    if as_json:
        typer.echo(
            json.dumps({name: {**entry, "candidates": metrics[name]} for name, entry in result.items()}, indent=2)
        )
        return
    print_evaluations(result, {}, Console())
    for name, parts in metrics.items():
        print_candidates(name, parts, Console())


@app.command()
def query(
    entity: Annotated[str, typer.Argument(help="The entity to ask about.")],
    source: Annotated[str, typer.Option(help="An event source.")],
    column: Annotated[str, typer.Option(help="A category column of the source.")],
    value: Annotated[list[str] | None, typer.Option(help="Is this in its history? Repeatable.")] = None,
    top: Annotated[int, typer.Option(help="Else: the most there is of.", min=1)] = 10,
    as_of: AsOf = None,
) -> None:
    """Ask the representation of an entity what its history holds: which values, how much of each, about when."""
    from basemodel_ops.stages import Workspace, query_entity
    from dagster_project.defs.partitions import as_of as as_of_key
    from dagster_project.defs.partitions import chosen, listed
    from dagster_project.lib.project import load_project
    from dagster_project.lib.tables import print_replies

    with plain_errors():
        project = load_project(read_settings())
        timestamp = as_of_key(chosen(project.contract.grid, as_of, listed(project)))
        workspace = Workspace.open(project.settings, project.contract, lambda _: None, "query")
        print_replies(query_entity(workspace, entity, source, column, timestamp, value or [], top), Console())


app.command()(init)
app.command()(explain)
app.command()(insight_commands.similar)
app.command()(report_commands.report)
app.command()(report_commands.predictions)
app.command()(insight_commands.anomalies)


@app.command()
def forget(
    ids_from: Annotated[str, typer.Option(help="SCHEMA.TABLE with the ids, in a column named as the entity.")],
) -> None:
    """Forget entities: answers, artifacts and dbt models without them, the file rewritten, models marked."""
    from dagster_project.cli.forgetting import forget_from, print_forgotten
    from dagster_project.lib.home import calm_threads

    calm_threads()
    with plain_errors():
        print_forgotten(forget_from(read_settings(), ids_from, "forget"), ids_from, Console())


@app.command()
def compact() -> None:
    """Rewrite the DuckDB file without what was deleted from it, for example from raw tables."""
    from basemodel_ops.warehouse.compaction import compact as rewrite
    from dagster_project.lib.surroundings import check_project

    with plain_errors():
        settings = check_project(read_settings())
        if settings.kind != "duckdb":
            raise SettingsError(
                f"The target is {settings.target}, which keeps its own files. docs/privacy.md says what is left there."
            )
        before, after = rewrite(settings.warehouse_path)
    typer.echo(f"{settings.warehouse_path} is rewritten: {before:,} bytes before, {after:,} after.")


@app.command()
def models() -> None:
    """Which models there are, and which are due to be trained again."""
    from basemodel_ops.stages import Workspace
    from dagster_project.lib.project import load_project
    from dagster_project.lib.tables import print_models

    with plain_errors():
        project = load_project(read_settings())
        print_models(Workspace.open(project.settings, project.contract, lambda _: None), Console())


@audit.command()
def verify(
    head: Annotated[str | None, typer.Option(help="A hash that an earlier verification printed.")] = None,
) -> None:
    """Say how many entries of the audit log hold; exit 1 naming the first that does not."""
    from basemodel_ops.audit import AuditLog

    with plain_errors():
        log = AuditLog(read_settings().home)
        end = log.verify(head)
    typer.echo(f"All {end.entries} entries of {log.path} hold. Its head is {end.hash}; note it elsewhere.")


@app.command()
def layout(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Say which number of a representation stands where and means what, and what was left out of it."""
    from basemodel_ops.stages import Workspace, explain_representation
    from dagster_project.lib.project import load_project
    from dagster_project.lib.tables import print_layout

    with plain_errors():
        project = load_project(read_settings())
        rows, left_out = explain_representation(Workspace.open(project.settings, project.contract, lambda _: None))
    if as_json:
        typer.echo(json.dumps(rows.to_pylist(), indent=2))
    else:
        print_layout(rows.to_pylist(), left_out, Console())


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000) -> None:
    """Open Dagster on 127.0.0.1 with everything loaded, ready to press Materialize."""
    from dagster_project.lib.home import calm_threads, ensure_dagster_home
    from dagster_project.lib.project import load_project

    with plain_errors():
        settings = read_settings()
        load_project(settings)  # so that mistakes in the contract show here, not inside the UI
        ensure_dagster_home(settings)
    calm_threads()
    arguments = ["dev", "-m", "dagster_project.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "dagster", *arguments])


@app.command()
def health(
    part: Annotated[str, typer.Argument(help="home, code, webserver or daemon.")] = "home",
    port: Annotated[int | None, typer.Option(help="Where the part listens, if not on its usual port.")] = None,
) -> None:
    """Exit 0 if a part of a deployment on this machine is well; without one, if a run could begin."""
    from dagster_project.lib.health import check_health

    with plain_errors():
        check_health(read_settings(), part, port)


if __name__ == "__main__":
    app()
