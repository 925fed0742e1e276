"""Commands about entities side by side."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dagster_project.cli.errors import plain_errors, read_settings
from dagster_project.cli.options import AsOf
from dagster_project.lib.printing import named, show

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.stages.insight.lookalikes import LookAlike


def similar(
    entity: Annotated[str, typer.Argument(help="Whose look-alikes.")],
    as_of: AsOf = None,
    k: Annotated[int, typer.Option(help="How many.", min=1)] = 10,
) -> None:
    """Name the entities whose embedding is nearest to that of one."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages import similar as find
    from dagster_project.defs.partitions import as_of as as_of_key
    from dagster_project.defs.partitions import chosen, listed
    from dagster_project.lib.project import load_project

    with plain_errors():
        project = load_project(read_settings())
        timestamp = as_of_key(chosen(project.contract.grid, as_of, listed(project)))
        workspace = Workspace.open(project.settings, project.contract, lambda _: None, "similar")
        print_lookalikes(project.contract.entity, find(workspace, entity, timestamp, k), Console())


def anomalies(
    entity: Annotated[str | None, typer.Argument(help="Whose; the oddest of all if none is named.")] = None,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(help="How many of the oddest.", min=1)] = 20,
) -> None:
    """Say who was odd lately, how unlikely that was, and what was odd."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.insight.anomalies import published
    from dagster_project.defs.partitions import as_of as as_of_key
    from dagster_project.defs.partitions import chosen, listed
    from dagster_project.lib.project import load_project

    with plain_errors():
        project = load_project(read_settings())
        timestamp = as_of_key(chosen(project.contract.grid, as_of, listed(project)))
        workspace = Workspace.open(project.settings, project.contract, lambda _: None, "anomalies")
        print_anomalies(project.contract.entity, published(workspace, timestamp, entity, top), Console())


def print_anomalies(entity: str, result: "list[dict[str, object]]", console: Console) -> None:
    """Ranks and p-values, and of each line that is told where it is, how unlikely, what is odd and when it began."""
    table = Table()
    for heading in ("rank", entity, "p", "source", "column", "p of it", "what", "from"):
        table.add_column(heading, justify="right" if heading in ("rank", "p", "p of it") else "left")
    for row in result:
        is_first = row["reason"] == 1
        about = [row["rank"], named(row[entity]), _short(row["p_value"])] if is_first else ["", "", ""]
        cells = [row["source_table"], row["column_name"], _short(row["reason_p_value"]), row["words"], row["first_at"]]
        table.add_row(*("" if cell is None else str(cell) for cell in (*about, *cells)))
    show(table, console)


def _short(value: object) -> str | None:
    return None if value is None else f"{float(str(value)):.2g}"


def print_lookalikes(entity: str, result: "list[LookAlike]", console: Console) -> None:
    """Who is near, the nearest first, and how near (1: the same direction)."""
    table = Table()
    for heading in ("rank", entity, "similarity"):
        table.add_column(heading, justify="left" if heading == entity else "right", no_wrap=True)
    for look_alike in result:
        table.add_row(str(look_alike.rank), named(look_alike.neighbour), f"{look_alike.similarity:.4f}")
    show(table, console)
