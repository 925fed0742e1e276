"""Partitions: one `as_of` for each cutoff of the contract's grid. Dagster is loaded only for its own view."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from basemodel_ops.contract.cutoffs import (
    cron,
    cutoff_at,
    described,
    is_cutoff,
    key_of,
    midnight,
    newest_cutoff,
    number_at,
    start_of,
    timestamp_of_key,
)
from basemodel_ops.contract.types import Cadence, Grid
from basemodel_ops.errors import SettingsError
from dagster_project.lib.project import Project

if TYPE_CHECKING:
    import dagster as dg

LISTED = "cutoffs"
"""Name of the dynamic partitions of an irregular grid."""


def timestamp(grid: Grid) -> datetime:
    """Now: where a stopped data set stopped, else the clock in UTC."""
    return midnight(grid.now) if grid.now else datetime.now(UTC).replace(tzinfo=None)


def newest(grid: Grid, listed: Sequence[datetime] = ()) -> str:
    """The last cutoff by `grid.now`, or by the clock, before which everything is known; see `newest_cutoff`."""
    return key_of(newest_cutoff(grid, timestamp(grid), listed))


def chosen(grid: Grid, as_of: str | None, listed: Sequence[datetime] = ()) -> str:
    """The key of the cutoff at `as_of`, or of the newest; SettingsError if there is no such cutoff."""
    last = newest_cutoff(grid, timestamp(grid), listed)
    if as_of is None:
        return key_of(last)
    try:
        requested = timestamp_of_key(as_of.replace(" ", "T", 1))
    except ValueError:
        requested = None
    if requested is None or requested > last or not is_cutoff(grid, requested, listed):
        raise SettingsError(f"No cutoff at {as_of}. Cutoffs are {described(grid)} to {key_of(last)}.")
    return key_of(requested)


def cutoffs(grid: Grid) -> "dg.PartitionsDefinition":
    """Cutoffs from the grid's start through the newest, which moves with the clock unless there is a `grid.now`.

    Those of an irregular grid are registered as its table lists them.
    """
    import dagster as dg

    if grid.every is Cadence.IRREGULAR:
        return dg.DynamicPartitionsDefinition(name=LISTED)
    start = start_of(grid)
    end = None
    if grid.now is not None:
        newest_cutoff(grid, timestamp(grid))
        end = cutoff_at(grid, number_at(grid, timestamp(grid)) + 1)
    fmt = "%Y-%m-%d" if key_of(start) == f"{start:%Y-%m-%d}" else "%Y-%m-%dT%H:%M"
    return dg.TimeWindowPartitionsDefinition(
        start=start, fmt=fmt, cron_schedule=cron(grid), end=end, end_offset=int(end is None)
    )


def newest_key(partitions: "dg.PartitionsDefinition") -> str:
    """The last partition there is; SettingsError if there is none."""
    key = partitions.get_last_partition_key()
    if key is None:
        raise SettingsError("The grid starts in the future: no partition yet.")
    return key


def as_of(key: str) -> datetime:
    """The moment of a partition key, without a time zone, as in the warehouse."""
    return timestamp_of_key(key)


def listed(project: Project) -> list[datetime]:
    """The cutoffs in the table of an irregular grid; none of a regular one, which follows from its declaration."""
    if project.contract.grid.every is not Cadence.IRREGULAR:
        return []
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.snapshot.times import read_cutoffs

    workspace = Workspace.open(project.settings, project.contract, lambda _: None, LISTED)
    with workspace.warehouse() as warehouse:
        return read_cutoffs(warehouse, project.contract.grid)


def past_keys(grid: Grid, timestamps: Sequence[datetime]) -> list[str]:
    """The keys of the listed cutoffs that have begun."""
    return [key_of(moment) for moment in timestamps if moment <= timestamp(grid)]


def register(instance: "dg.DagsterInstance", project: Project) -> None:
    """Make partitions of the cutoffs that the table of an irregular grid lists; they can be chosen from then on."""
    if project.contract.grid.every is Cadence.IRREGULAR:
        instance.add_dynamic_partitions(LISTED, past_keys(project.contract.grid, listed(project)))
