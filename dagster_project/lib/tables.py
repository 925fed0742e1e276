"""Tables on the terminal: the contract, plans, replies, layouts."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from basemodel_ops.assets import FOUNDATION_MODEL, model_key
from basemodel_ops.contract.cutoffs import described
from basemodel_ops.contract.types import AttributeSource, Column, Contract, EventSource
from dagster_project.lib.printing import show

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.data_quality.profiles import Profile
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.planning.budget import Line
    from basemodel_ops.stages.planning.plan import Step
    from basemodel_ops.stages.scoring.querying import QueryResult


def print_contract(contract: Contract, console: Console, unread: Sequence[str] = ()) -> None:
    """Sources with their columns, then tasks, then the grid, and annotated nodes that dbt leaves out."""
    for source in contract.events:
        session = f", session {source.session}" if source.session else ""
        _print_columns(console, source, f"event: entity {source.entity}, time {source.time}{session}")
    for source in contract.attributes:
        untimestamped = ", without a date: serves traits only" if source.key == contract.entity else ""
        known = f", known from {source.valid_from}" if source.valid_from else untimestamped
        _print_columns(console, source, f"attribute: key {source.key}{known}")
    tasks = Table(title="Tasks", title_justify="left")
    for heading in ("task", "type", "target", "horizon", "population"):
        tasks.add_column(heading)
    for task in contract.tasks:
        horizon = f"{task.horizon} days" if task.horizon else f"until {task.known}" if task.known else "-"
        horizon += ", own moments" if task.has_row_cutoffs else ""
        tasks.add_row(task.name, task.type.value, task.target, horizon, str(task.population or "-"))
    show(tasks, console)
    for item in contract.personal:
        where = f"Personal: {item.relation}, column {item.column}, read for: {item.purpose}"
        console.print(where, soft_wrap=True, markup=False)
    grid = contract.grid
    console.print(f"Cutoffs: {described(grid)}, now = {grid.now or 'the clock'}, in {grid.relation}.")
    for line in unread:
        console.print(f"Not read: {line}.", soft_wrap=True, markup=False)
    console.print("No problems.")


def _print_columns(console: Console, source: EventSource | AttributeSource, role: str) -> None:
    console.print(f"[bold]{escape(str(source.relation))}[/bold]  {escape(role)}", soft_wrap=True)
    table = Table()
    for heading in ("column", "data type", "read as", "from", "references", "purpose"):
        table.add_column(heading)
    for column in source.columns:
        table.add_row(*_row(column))
    show(table, console)


def _row(column: Column) -> tuple[str, ...]:
    origin = "inferred" if column.inferred else "annotated"
    if column.withheld:  # personal, and nobody said what for
        return column.name, column.data_type, "withheld", "pii", "-", "none given"
    return column.name, column.data_type, column.type.value, origin, column.references or "-", column.purpose or "-"


def print_steps(steps: "Sequence[Step]", console: Console) -> None:
    """What a run would make and reuse, and why."""
    table = Table()
    for heading in ("artifact", "", "because"):
        table.add_column(heading)
    for step in steps:
        style = "bold" if step.is_due else "dim"
        table.add_row(step.key, "made" if step.is_due else "reused", step.why, style=style)
    show(table, console)
    due = sum(step.is_due for step in steps)
    console.print(
        f"{due} of {len(steps)} would be made, on the tables as they stand: dbt was not run. Deciles, explanations, "
        "insight, marts and the report follow the scores.",
        soft_wrap=True,
    )


def print_replies(replies: "Sequence[QueryResult]", console: Console) -> None:
    """What a representation says of each value."""
    table = Table()
    for heading in ("value", "has it", "decayed count", "about days ago"):
        table.add_column(heading, justify="left" if heading == "value" else "right")
    for answer in replies:
        age = "-" if math.isnan(answer.age) else f"{answer.age:.0f}"
        known = (
            (f"{answer.probability:.0%}", f"{answer.count:.2f}") if not math.isnan(answer.probability) else ("-", "-")
        )
        table.add_row(answer.value, *known, age)
    show(table, console)
    for answer in replies:
        if answer.note:
            console.print(f"{answer.value}: {answer.note}.", soft_wrap=True, markup=False)


def print_models(workspace: "Workspace", console: Console) -> None:
    """Current models, their versions, and since when one is due to be trained again."""
    from basemodel_ops.errors import ArtifactError
    from basemodel_ops.stages import models_due

    table, due = Table(), models_due(workspace)
    for heading in ("model", "version", "retrain due since"):
        table.add_column(heading)
    for key in (FOUNDATION_MODEL, *(model_key(task.name) for task in workspace.contract.tasks)):
        try:
            version = workspace.store.current(key).version
        except ArtifactError:
            version = "not there"
        table.add_row(key, version, due.get(key, "-"))
    show(table, console)


def print_profiles(result: "Sequence[Profile]", console: Console) -> None:
    """The columns whose inferred type wants a review."""
    table = Table(title="Inferred types to review", title_justify="left")
    for heading in ("source", "column", "read as", "rows", "nulls", "distinct", "review"):
        table.add_column(heading, justify="right" if heading in ("rows", "nulls", "distinct") else "left")
    for profile in result:
        if profile.advice:
            counts = (f"{profile.rows:,}", f"{profile.nulls:,}", f"{profile.distinct:,}")
            table.add_row(profile.source, profile.column.name, profile.column.type.value, *counts, profile.advice)
    if table.row_count:
        show(table, console)
    else:
        console.print(f"No inferred type of {len(result)} columns looks wrong.")


LAYOUT = ("block", "source", "column", "half_life", "name", "offset", "length")
"""Columns of a printed layout; the meaning of its blocks follows below it."""


def print_layout(
    rows: Sequence[Mapping[str, object]], left_out: Sequence[Mapping[str, object]], console: Console
) -> None:
    """One row per block, then what the kinds of blocks mean, and what was left out."""
    table = Table()
    for heading in LAYOUT:
        table.add_column(heading, justify="right" if heading in ("half_life", "offset", "length") else "left")
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in LAYOUT))
    show(table, console)
    for block, meaning in {row["block"]: row["meaning"] for row in rows}.items():
        console.print(f"[bold]{block}[/bold]  {meaning}")
    for entry in left_out:
        console.print(
            f"Left out: {entry['column']} of {entry['source']}: {entry['reason']}.", soft_wrap=True, markup=False
        )


def layout_markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """The same table for Dagster, neighbouring blocks of one kind, source and column in one line."""
    lines = ["| block | source | column | half-lives | offset | length |", "|---|---|---|---|---|---|"]
    for key, group in itertools.groupby(rows, key=lambda row: (row["block"], row["source"], row["column"])):
        blocks = list(group)
        half_lives = ", ".join(dict.fromkeys(f"{row['half_life']:g}" for row in blocks if row["half_life"] is not None))
        length = sum(int(str(row["length"])) for row in blocks)
        lines.append(f"| {' | '.join(map(str, key))} | {half_lives} | {blocks[0]['offset']} | {length} |")
    return "\n".join(lines)


def budget_markdown(lines: "Sequence[Line]") -> str:
    """What the stages will take, for Dagster."""
    rows = ["| stage | rows | numbers | disk MB | memory MB | minutes |", "|---|---|---|---|---|---|"]
    for line in lines:
        sizes = f"{line.rows:,} | {line.numbers:,} | {line.disk_mb:,.0f} | {line.memory_mb:,.0f} | {line.minutes:,.1f}"
        rows.append(f"| {line.stage} | {sizes} |")
    return "\n".join(rows)
