"""What all stage assets share: the workspace, the result of a stage, and code versions."""

import base64
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.memory import peak_mb, reset_peak
from dagster_project.lib.finished import forget
from dagster_project.lib.project import Project

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import CheckResult, Report
    from basemodel_ops.stages import Workspace


class WorkspaceResource(dg.ConfigurableResource):
    """The home, the warehouse and the contract of the dbt project, as the asset graph was built from them."""

    project: dg.ResourceDependency[Project]
    """No configuration: a run that could name another home would not fit the graph that it is a run of."""

    def open(self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> "Workspace":
        """The workspace in which stages read and write; it logs to this step."""
        from basemodel_ops.stages import Workspace

        forget(self.project.settings)
        return Workspace.open(self.project.settings, self.project.contract, context.log.info, context.run.run_id)


Extra = Callable[[float], dict[str, dg.MetadataValue]]
"""What more to report than a stage's own numbers, given the peak of its memory (MiB)."""


def materialized(stage: Callable[[], "Report"], extra: Extra | None = None) -> dg.MaterializeResult:
    """Run a stage and report its numbers, pictures, seconds and peak memory, and what is `extra` of what it made."""
    started = time.monotonic()
    reset_peak()
    report = stage()
    result = reported(report, started)
    if extra is None or report.reused:
        return result
    return result._replace(metadata={**(result.metadata or {}), **extra(peak_mb())})


def reported(report: "Report", started: float) -> dg.MaterializeResult:
    """What a stage reports, with the seconds since `started` (monotonic) and the peak of memory."""
    metadata: dict[str, dg.MetadataValue] = {name: number(value) for name, value in report.metrics.items()}
    if "rows" in report.metrics:
        metadata["dagster/row_count"] = dg.MetadataValue.int(int(report.metrics["rows"]))
    for name, picture in report.plots.items():
        metadata[name] = dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(picture).decode()})")
    for name, drawing in report.drawings.items():
        data = base64.b64encode(drawing.encode()).decode()
        metadata[name] = dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{data})")
    metadata["reused"] = dg.MetadataValue.bool(report.reused)
    metadata["version"] = dg.MetadataValue.text(report.version)
    metadata["seconds"] = dg.MetadataValue.float(round(time.monotonic() - started, 2))
    metadata["peak_mb"] = dg.MetadataValue.float(round(peak_mb(), 1))
    return dg.MaterializeResult(metadata=metadata)


def held_back(workspace: "Workspace", tasks: Iterable[str]) -> dict[str, str]:
    """Tasks whose model may not answer, and why: their tables stay as they were, and all others are made."""
    from basemodel_ops.stages.checks.answers import unfit

    return {task: why for task in tasks if (why := unfit(workspace, task))}


def unchanged(key: dg.AssetKey, why: str) -> dg.MaterializeResult:
    """The result of a table that is held back. There is one, for a step that reads several tables waits for each."""
    return dg.MaterializeResult(
        asset_key=key, metadata={"reused": dg.MetadataValue.bool(True), "held_back": dg.MetadataValue.text(why)}
    )


def held_to_budget(workspace: "Workspace", context: dg.AssetExecutionContext, stage: str) -> Extra:
    """Says what the budget said of a stage, and warns where it took much more."""
    from basemodel_ops.stages.planning.budget import budgeted, exceeded

    def extra(peak: float) -> dict[str, dg.MetadataValue]:
        line = budgeted(workspace.settings, stage)
        if line is None:
            return {}
        warning = exceeded(line, peak)
        if warning:
            context.log.warning(warning)
        seconds = round(line.minutes * 60, 1)
        return {"budget_mb": dg.MetadataValue.float(line.memory_mb), "budget_seconds": dg.MetadataValue.float(seconds)}

    return extra


def checked(result: "CheckResult", name: str | None = None, reused: bool = False) -> dg.AssetCheckResult:
    """A finding as Dagster's check result; `reused` where it is remembered."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=result.passed,
        description=result.description,
        severity=dg.AssetCheckSeverity.ERROR if result.is_severe else dg.AssetCheckSeverity.WARN,
        metadata={**{name: number(value) for name, value in result.metrics.items()}, "reused": reused},
    )


def number(value: float | int | str) -> dg.MetadataValue:
    """A number or a name as metadata that Dagster can plot."""
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.int(int(value)) if isinstance(value, int) else dg.MetadataValue.float(float(value))
