"""The command line: `basemodel --help` lists what it can."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console

from basemodel_ops.errors import SettingsError
from dagster_project.cli import inspection
from dagster_project.cli import report as report_commands
from dagster_project.cli import similar as insight_commands
from dagster_project.cli.errors import plain_errors, read_settings
from dagster_project.cli.explain import explain
from dagster_project.cli.init import init
from dagster_project.cli.options import AsOf
from dagster_project.cli.serve import serve
from dagster_project.lib.threads import calm_threads

app = typer.Typer(
    help="From the behaviour in a dbt project to one foundation model and its answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help names an option by what it does, and loads in half the time
)

audit = typer.Typer(help="The log of what was read from the warehouse.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit, name="audit")

app.add_typer(serve, name="serve")


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
    calm_threads()


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

    with plain_errors():
        run_main_job(read_settings(), tasks, as_of, Console(), job)


@app.command()
def plan(
    renew: Annotated[bool, typer.Option("--renew", help="As `train` would: with a new snapshot, due or not.")] = False,
    as_of: AsOf = None,
) -> None:
    """Say what a run would make and reuse, and why, without doing it."""
    from dagster_project.cli.execution import print_plan

    with plain_errors():
        print_plan(read_settings(), renew, as_of, Console())


app.command()(inspection.contract)
app.command()(inspection.layout)
app.command()(inspection.results)
app.command()(inspection.models)
app.command()(inspection.query)
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
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000) -> None:
    """Open Dagster on 127.0.0.1 with everything loaded, ready to press Materialize."""
    from dagster_project.lib.home import ensure_dagster_home
    from dagster_project.lib.project import load_project

    with plain_errors():
        settings = read_settings()
        load_project(settings)  # so that mistakes in the contract show here, not inside the UI
        ensure_dagster_home(settings)
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
