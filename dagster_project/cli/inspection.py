"""Commands that show what is declared, learnt and represented; they change nothing."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from basemodel_ops.errors import ContractError, SettingsError
from dagster_project.cli.errors import plain_errors, read_settings
from dagster_project.cli.options import AsOf

if TYPE_CHECKING:
    from dagster_project.lib.project import Project


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


def results(
    task: Annotated[str | None, typer.Argument(help="Every candidate of this task; all tasks if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Print what the current models are worth on the test cutoffs, beside their baselines."""
    from dagster_project.cli.execution import known_tasks
    from dagster_project.lib.project import load_project
    from dagster_project.lib.results import candidates, evaluations, print_candidates, print_evaluations, print_split

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
        print_split(name, result[name], Console())
        print_candidates(name, parts, Console())


def models() -> None:
    """Which models there are, and which are due to be trained again."""
    from basemodel_ops.stages import Workspace
    from dagster_project.lib.project import load_project
    from dagster_project.lib.tables import print_models

    with plain_errors():
        project = load_project(read_settings())
        print_models(Workspace.open(project.settings, project.contract, lambda _: None), Console())


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
