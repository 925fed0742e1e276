"""`basemodel explain`: why an entity has its score."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract
from dagster_project.cli.errors import plain_errors, read_settings
from dagster_project.cli.options import AsOf
from dagster_project.lib.printing import show

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.stages.explanations.explaining import Explained, Reason


def explain(
    task: Annotated[str, typer.Argument(help="The task whose score to explain.")],
    entity: Annotated[str, typer.Argument(help="The entity.")],
    as_of: AsOf = None,
    label: Annotated[
        str | None, typer.Option(help="This class or label, else the likeliest; or this item, else all.")
    ] = None,
    top: Annotated[int, typer.Option(help="Reasons to print.", min=1)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="All reasons, for machines.")] = False,
) -> None:
    """Say which events of an entity move its score, and by how much; of a recommendation, what speaks for its items."""
    from basemodel_ops.stages import Workspace, explain_entity, explain_items
    from dagster_project.defs.partitions import as_of as moment_of
    from dagster_project.defs.partitions import chosen, listed
    from dagster_project.lib.project import load_project

    with plain_errors():
        project = load_project(read_settings())
        timestamp = moment_of(chosen(project.contract.grid, as_of, listed(project)))
        workspace = Workspace.open(project.settings, project.contract, lambda _: None, "explain")
        if _is_ranked(project.contract, task):
            rows = explain_items(workspace, task, entity, timestamp, label)
            _show_items(rows, f"{task} as of {key_of(timestamp)}", entity, top, as_json)
            return
        explained = explain_entity(workspace, task, entity, timestamp, label)
    if as_json:
        about = {"task": task, "as_of": key_of(timestamp), **asdict(explained)}
        typer.echo(json.dumps(about, default=str, indent=2))
        return
    of = f" of {explained.label}" if explained.label else ""
    head = f"{task} as of {key_of(timestamp)}: the score{of} of {entity} is {_number(explained.score)}, and "
    console = Console()
    console.print(
        f"{head}{_number(explained.empty)} had nothing happened.", soft_wrap=True, markup=False, highlight=False
    )
    if not explained.is_asked:
        console.print(
            f"{task} does not ask about {entity} then: its population has no such row, so this score is in no table.",
            soft_wrap=True, markup=False, highlight=False,
        )  # fmt: skip
    show(reasons_table(explained, top), console)


def _is_ranked(contract: Contract, name: str) -> bool:
    return any(task.name == name and task.form.shape is Shape.ITEMS for task in contract.tasks)


def _show_items(rows: "list[dict]", head: str, entity: str, top: int, as_json: bool) -> None:
    """What speaks for each item of an entity, the first rank first."""
    if as_json:
        typer.echo(json.dumps(rows, default=str, indent=2))
        return
    console = Console()
    if not rows:
        console.print(f"{head}: no item is named to {entity}.", soft_wrap=True, markup=False, highlight=False)
    for item in dict.fromkeys(row["item"] for row in rows):
        current = [row for row in rows if row["item"] == item]
        score, baseline = _number(current[0]["score"]), _number(current[0]["empty_score"])
        text = f"{head}: number {current[0]['item_rank']} for {entity} is {item}, at {score} where {baseline} is usual."
        console.print(text, soft_wrap=True, markup=False, highlight=False)
        lines = [(row["contribution"], _speaks(row)) for row in current]
        show(_amounts(lines[:top], [value for value, _ in lines[top:]]), console)


def _speaks(row: dict) -> str:
    """The kind of evidence, and the item of the history that it comes from."""
    if row.get("column_value") is None:
        return str(row["evidence"])
    times = f"{row['events']:,} event{'' if row['events'] == 1 else 's'}, last {row['last_at']:%Y-%m-%d %H:%M}"
    return f"{row['evidence']}, {row['column_name']} {row['column_value']}\n{times}"


def reasons_table(explained: "Explained", top: int) -> Table:
    """The top reasons and what all others add; words fold and numbers are never cut, however narrow the terminal."""
    lines = [(reason.contribution, _words(reason)) for reason in explained.reasons[:top]]
    return _amounts(lines, [reason.contribution for reason in explained.reasons[top:]])


def _amounts(lines: "list[tuple[float, str]]", others: "list[float]") -> Table:
    """Amounts and what they are of, and last the sum of those of all others."""
    table, amounts = Table(), [*(value for value, _ in lines), sum(others)]
    table.add_column("adds", justify="right", no_wrap=True, min_width=max(len(_signed(amount)) for amount in amounts))
    table.add_column("what happened", overflow="fold")
    for value, words in lines:
        table.add_row(_signed(value), words)
    if others:
        table.add_row(_signed(sum(others)), f"everything else, in {len(others)} groups")
    return table


def _words(reason: "Reason") -> str:
    """What the events share, when they happened, and which of them add most."""
    about, times = reason.about, reason.times
    shared = f"{about.table}, {about.column} {about.value}" if about.column else about.table
    lines = [f"{shared}, {about.stretch}" if about.stretch else shared, _when(times)]
    if len(reason.notable) > 1:
        first = reason.notable[0]
        lines.append(f"of these most by {_when(first.times)}: {_signed(first.contribution)}")
    return "\n".join(lines)


def _when(times: "list | tuple") -> str:
    newest, oldest = f"{times[0]:%Y-%m-%d %H:%M}", f"{times[-1]:%Y-%m-%d %H:%M}"
    count = "1 event" if len(times) == 1 else f"{len(times):,} events"
    return f"{count}, {oldest}" + ("" if newest == oldest else f" to {newest}")


def _number(value: float) -> str:
    return f"{value:,.4f}"


def _signed(value: float) -> str:
    return f"{value:+,.4f}"
