"""Commands that show what there is of models: the page about a week, and the rows that they are measured by."""

import os
import webbrowser
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from basemodel_ops.errors import SettingsError
from basemodel_ops.pages import FILE, FOLDER
from basemodel_ops.settings import Settings
from dagster_project.cli.errors import plain_errors, read_settings
from dagster_project.cli.options import AsOf

if TYPE_CHECKING:
    import pyarrow as pa


class Part(StrEnum):
    """Rows by what they were for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def report(
    as_of: AsOf = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only write it and print its path.")] = False,
) -> None:
    """Make the page about a week where it is not there yet, print its path and open it in a browser."""
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages import report as make
    from dagster_project.defs.partitions import as_of as as_of_key
    from dagster_project.defs.partitions import chosen, listed
    from dagster_project.lib.project import load_project

    with plain_errors():
        project = load_project(read_settings())
        timestamp = as_of_key(chosen(project.contract.grid, as_of, listed(project)))
        make(Workspace.open(project.settings, project.contract, lambda _: None, "report"), timestamp)
        path = write_page(project.settings, timestamp)
    typer.echo(path)
    if path is not None and not no_open:
        webbrowser.open(path.as_uri())


def newest_reported(settings: Settings, as_of: datetime) -> datetime:
    """The newest week that has a page where `as_of` has one; else `as_of`. An older week is no news to look at."""
    from basemodel_ops.artifacts import ArtifactStore
    from basemodel_ops.contract.cutoffs import timestamp_of_key

    keys = {key for key, _ in ArtifactStore(settings.artifact_root).versions() if key.startswith(f"{FOLDER}/")}
    weeks = {timestamp_of_key(key.removeprefix(f"{FOLDER}/")) for key in keys}
    return max(weeks) if as_of in weeks else as_of


def write_page(settings: Settings, as_of: datetime) -> Path | None:
    """The page of a week as one file in the home; None where none was made. It is replaced as a whole."""
    from basemodel_ops.artifacts import ArtifactStore
    from basemodel_ops.stages.reporting.report_artifact import ReportArtifact

    artifact = ArtifactStore(settings.artifact_root).newest(ReportArtifact.key(as_of))
    if artifact is None:
        return None
    path = (settings.home / FILE).resolve()
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(ReportArtifact(artifact).page, encoding="utf-8")
    part.replace(path)
    return path


def predictions(
    task: Annotated[str, typer.Argument(help="Whose rows.")],
    part: Annotated[Part, typer.Option(help="What the rows were for.")] = Part.TEST,
    output: Annotated[Path | None, typer.Option(help="A .parquet or .csv file; printed as CSV if not given.")] = None,
) -> None:
    """Give the rows a model is measured by: entity, cutoff, label, what it answered, and what the baseline did."""
    from basemodel_ops.artifacts import ArtifactStore
    from basemodel_ops.stages.tasks.predictions import read_predictions
    from dagster_project.cli.execution import known_tasks
    from dagster_project.lib.project import load_project

    with plain_errors():
        if output is not None and output.suffix not in (".parquet", ".csv"):
            raise SettingsError(f"{output} ends in neither .parquet nor .csv, so its format is not known. Name one.")
        project = load_project(read_settings())
        known_tasks(project, [task])
        table = read_predictions(ArtifactStore(project.settings.artifact_root), task, part.value)
        write_rows(table, output)
    if output is not None:
        typer.echo(f"{table.num_rows:,} rows of {task}, {part.value}, in {output}")


def write_rows(table: "pa.Table", output: Path | None) -> None:
    """Write rows to a file, which is there whole or not at all, or as CSV to the standard output."""
    import sys

    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    if output is None:
        csv.write_csv(table, sys.stdout.buffer)
        return
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if output.suffix == ".csv":
            csv.write_csv(table, str(part))
        else:
            parquet.write_table(table, str(part))
        part.replace(output)
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error}. Name a file in a folder that is there.") from error
    finally:
        part.unlink(missing_ok=True)
