"""`basemodel init`: a dbt project from files that are there."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dagster_project.cli.errors import plain_errors
from dagster_project.lib.printing import show


def init(
    folder: Annotated[Path, typer.Argument(help="Of the project that is made; new or empty.")],
    data: Annotated[list[Path], typer.Argument(help="CSV, Parquet or DuckDB files, or folders of them.")],
    entity: Annotated[str | None, typer.Option(help="Whose behaviour it is: a column; guessed if not given.")] = None,
) -> None:
    """Propose a dbt project with its contract and a first question, all to be edited, from files or a database."""
    from datetime import datetime

    from basemodel_ops.proposal.project import files_of, task_name, write
    from basemodel_ops.proposal.roles import propose
    from basemodel_ops.proposal.tables import look

    console = Console()
    with plain_errors():
        proposal = propose(look(data), entity)
        folder = folder.resolve()
        write(files_of(proposal, folder, datetime.now()), folder)
    table = Table()
    for heading in ("table", "rows", "taken for", "because"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for event in proposal.events:
        session = f", session {event.session}" if event.session else ""
        why = f"entity {proposal.entity}, time {event.time}{session}"
        table.add_row(event.table.name, f"{event.table.rows:,}", "events", why)
    for attributes, key in proposal.attributes:
        table.add_row(attributes.name, f"{attributes.rows:,}", "facts", f"one row per {key}")
    for unused, why in proposal.unused:
        table.add_row(unused.name, f"{unused.rows:,}", "not used", why)
    show(table, console)
    console.print(
        f"A first question: {task_name(proposal)}, at every {proposal.every} from {proposal.start} on. All of it is in "
        f"{folder}, to be edited; its README.md says how to go on.",
        soft_wrap=True, markup=False,
    )  # fmt: skip
