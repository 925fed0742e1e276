"""What all stage assets share: the workspace, the result of a stage, and code versions."""

import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.memory import peak_mb, release, reset_peak
from dagster_project.project import Project

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import Finding, Report
    from basemodel_ops.stages import Workspace


def open_workspace(project: Project, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> "Workspace":
    """The workspace in which stages read and write; it logs to this step."""
    from basemodel_ops.stages import Workspace

    return Workspace.open(project.settings, project.contract, context.log.info, context.run.run_id)


def materialized(stage: Callable[[], "Report"]) -> dg.MaterializeResult:
    """Run a stage and report its numbers, pictures, seconds and peak memory."""
    started = time.monotonic()
    release()
    reset_peak()
    return reported(stage(), started)


def reported(report: "Report", began: float) -> dg.MaterializeResult:
    """What a stage reports, with the seconds since `began` (monotonic) and the peak of memory."""
    metadata: dict[str, dg.MetadataValue] = {name: number(value) for name, value in report.numbers.items()}
    if "rows" in report.numbers:
        metadata["dagster/row_count"] = dg.MetadataValue.int(int(report.numbers["rows"]))
    for name, picture in report.plots.items():
        metadata[name] = dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(picture).decode()})")
    metadata["reused"] = dg.MetadataValue.bool(report.reused)
    metadata["version"] = dg.MetadataValue.text(report.version)
    metadata["seconds"] = dg.MetadataValue.float(round(time.monotonic() - began, 2))
    metadata["peak_mb"] = dg.MetadataValue.float(round(peak_mb(), 1))
    return dg.MaterializeResult(metadata=metadata)


def held_to_budget(
    project: Project, context: dg.AssetExecutionContext, stage: str, result: dg.MaterializeResult
) -> dg.MaterializeResult:
    """The result with what the budget said of the stage; a warning where it took much more."""
    from basemodel_ops.stages.budget import budgeted, exceeded

    line, metadata = budgeted(project.settings, stage), dict(result.metadata or {})
    if line is None or metadata["reused"].value:
        return result
    warning = exceeded(line, float(metadata["peak_mb"].value))
    if warning:
        context.log.warning(warning)
    said = {"budget_mb": round(line.memory_mb, 1), "budget_seconds": round(line.minutes * 60, 1)}
    return result._replace(metadata={**metadata, **said})


def checked(finding: "Finding", name: str | None = None, reused: bool = False) -> dg.AssetCheckResult:
    """A finding as Dagster's check result; `reused` where it is remembered."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=finding.passed,
        description=finding.description,
        metadata={**{name: number(value) for name, value in finding.numbers.items()}, "reused": reused},
    )


def number(value: float | int | str) -> dg.MetadataValue:
    """A number or a name as metadata that Dagster can plot."""
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.int(int(value)) if isinstance(value, int) else dg.MetadataValue.float(float(value))
