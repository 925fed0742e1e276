"""`basemodel init`: a dbt project from tables that are there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from basemodel_ops.errors import SettingsError
from dagster_project.cli.errors import plain_errors
from dagster_project.lib.printing import show

if TYPE_CHECKING:
    from basemodel_ops.proposal.roles import Proposal
    from basemodel_ops.proposal.sampled import Database
    from basemodel_ops.proposal.seen import SeenTable

IN_DATABASE = ("postgres:", "snowflake:")
"""What begins so names a schema or a table of the database that `PG*` or `SNOWFLAKE_*` variables name."""


def init(
    folder: Annotated[Path, typer.Argument(help="Of the project that is made; new or empty.")],
    data: Annotated[
        list[str],
        typer.Argument(
            help="CSV, Parquet or DuckDB files, or folders of them; of a DuckDB file all, FILE:schema or "
            "FILE:schema.table; or tables in PostgreSQL or Snowflake, postgres:schema or postgres:schema.table, "
            "snowflake:schema or snowflake:schema.table."
        ),
    ],
    entity: Annotated[str | None, typer.Option(help="Whose behaviour it is: a column; guessed if not given.")] = None,
) -> None:
    """Propose a dbt project with its contract and a first question, all to be edited, from tables that are there."""
    from datetime import datetime

    from basemodel_ops.proposal.project import files_of, task_name, write
    from basemodel_ops.proposal.roles import propose

    console = Console()
    with plain_errors():
        tables, taken = _looked_at(data)
        proposal = propose(tables, entity)
        folder = folder.resolve()
        write(files_of(proposal, folder, datetime.now(), taken), folder)
    show(_proposed(proposal), console)
    unread = [f"{seen.name}.{raw} ({kind})" for seen in tables for raw, kind in seen.unread]
    if unread:
        console.print(
            f"Not read: {', '.join(unread)}. Take out in models/behavior what matters: a field, a part, a length.",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    for current in (entry for entry in tables if entry.repeated):
        console.print(
            f"{current.repeated:,} rows of {current.name} stand in several of its files and are read once: see "
            f"models/raw/raw_{current.name}.sql.",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    console.print(
        f"A first question: {task_name(proposal)}, asked every {proposal.every} from {proposal.start} on. All of it is "
        f"in {folder}, to be edited; its README.md says how to go on.",
        soft_wrap=True, markup=False,
    )  # fmt: skip


def _proposed(proposal: "Proposal") -> Table:
    """What each table is taken for, and why."""
    table = Table()
    for heading in ("table", "rows", "taken for", "because"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for event in proposal.events:
        session = f", session {event.session}" if event.session else ""
        why = f"entity {proposal.entity}, time {event.time}{session}"
        table.add_row(event.table.name, _rows(event.table), "events", why)
    for attributes, key in proposal.attributes:
        since = f", known from {attributes.valid_from} on" if attributes.valid_from else ", undated: for traits only"
        why = f"one row per {key}{since if key == proposal.entity else ''}"
        table.add_row(attributes.name, _rows(attributes), "facts", why)
    for unused, why in proposal.unused:
        table.add_row(unused.name, _rows(unused), "not used", why)
    return table


def _looked_at(data: list[str]) -> "tuple[list[SeenTable], set[str]]":
    """The tables, and the schemas that are taken where they are.

    Raises:
        SettingsError: both files and tables of a database are named, or what the database needs is not set.
    """
    in_database = [location for location in data if location.startswith(IN_DATABASE)]
    if not in_database:
        from basemodel_ops.proposal.tables import look

        return look(map(Path, data)), set()
    kinds = {location.partition(":")[0] for location in in_database}
    if len(in_database) < len(data) or len(kinds) > 1:
        raise SettingsError(
            f"Files and tables of a database are in no warehouse together: {', '.join(data)}. Load the files into the "
            "database, or name its tables only."
        )
    from basemodel_ops.proposal.sampled import look_into

    database = _database(kinds.pop())
    with database.warehouse:
        return look_into(database, [location.partition(":")[2] for location in in_database]), database.schemas()


def _database(kind: str) -> "Database":
    """The one that variables name; no other's client is loaded."""
    if kind == "snowflake":
        from basemodel_ops.proposal.snowflake import SnowflakeDatabase
        from basemodel_ops.warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeDatabase(SnowflakeWarehouse.from_environment())
    from basemodel_ops.proposal.postgres import PostgresDatabase
    from basemodel_ops.warehouse.postgres import PostgresWarehouse

    return PostgresDatabase(PostgresWarehouse.from_environment())


def _rows(table: "SeenTable") -> str:
    return f"{'about ' if table.is_sampled else ''}{table.rows:,}"
