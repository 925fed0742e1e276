"""What all stage assets share: the workspace, the result of a stage, and code versions."""

import base64
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

import basemodel_ops
from dagster_project.project import Project

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.stages import Workspace
    from basemodel_ops.stages.report import Finding, Report


def open_workspace(project: Project, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> "Workspace":
    """The workspace in which stages read and write; it logs to this step."""
    from basemodel_ops.stages import Workspace

    return Workspace.open(project.settings, project.contract, context.log.info)


def materialized(stage: Callable[[], "Report"]) -> dg.MaterializeResult:
    """Run a stage and report its numbers, pictures and seconds."""
    started = time.monotonic()
    report = stage()
    metadata: dict[str, dg.MetadataValue] = {name: number(value) for name, value in report.numbers.items()}
    if "rows" in report.numbers:
        metadata["dagster/row_count"] = dg.MetadataValue.int(int(report.numbers["rows"]))
    for name, picture in report.plots.items():
        metadata[name] = dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(picture).decode()})")
    metadata["reused"] = dg.MetadataValue.bool(report.reused)
    metadata["version"] = dg.MetadataValue.text(report.version)
    metadata["seconds"] = dg.MetadataValue.float(round(time.monotonic() - started, 2))
    return dg.MaterializeResult(metadata=metadata)


def checked(finding: "Finding", name: str | None = None) -> dg.AssetCheckResult:
    """A finding as Dagster's check result."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=finding.passed,
        description=finding.description,
        metadata={name: number(value) for name, value in finding.numbers.items()},
    )


def number(value: float | int | str) -> dg.MetadataValue:
    """A number or a name as metadata that Dagster can plot."""
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.int(int(value)) if isinstance(value, int) else dg.MetadataValue.float(float(value))


def code_version(*packages: str) -> str:
    """A hash of the sources of these packages of `basemodel_ops`: it changes when the code does."""
    root = Path(str(basemodel_ops.__file__)).parent
    digest = hashlib.sha256()
    for path in sorted(path for package in packages for path in (root / package).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
