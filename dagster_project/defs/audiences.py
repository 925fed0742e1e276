"""Audiences: for each dbt model that lists seeds, the weekly ranking of everyone else."""

import time
from collections.abc import Iterator

import dagster as dg

from basemodel_ops.code import code_behind
from basemodel_ops.contract.types import Audience
from dagster_project.defs.answers import REPRESENTATION
from dagster_project.defs.automation import newest_cutoff
from dagster_project.defs.insight import GROUP
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import checked, open_workspace, reported


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """One asset for each audience."""
    return [_audience(project, audience) for audience in project.contract.audiences]


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of the assets of this group."""
    return [_key(audience) for audience in project.contract.audiences]


def _key(audience: Audience) -> dg.AssetKey:
    return asset_key(f"{audience.name}/audience")


def _audience(project: Project, audience: Audience) -> dg.AssetsDefinition:
    key, table = _key(audience), f"{project.settings.answers_schema}.{audience.name}_audience"

    @dg.multi_asset(
        name=f"{key.path[0]}__audience",
        specs=[
            dg.AssetSpec(
                key, deps=[REPRESENTATION, project.key(audience.relation)], group_name=GROUP,
                kinds={"python", project.settings.kind}, code_version=code_behind("stages.insight.audiences"),
                automation_condition=newest_cutoff(project.contract.grid),
                description=f"Who is like those that {audience.name} lists, the likeliest first, in `{table}`.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec("whole", asset=key, blocking=True, description="Everyone who is no seed stands once.")
        ],
        partitions_def=cutoffs(project.contract.grid),
    )  # fmt: skip
    def ranked(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks.audiences import check_audience

        timestamp, workspace, started = as_of(context.partition_key), open_workspace(project, context), time.monotonic()
        report = stages.audience(workspace, audience.name, timestamp, context.run.run_id)
        result = checked(check_audience(workspace, audience.name, timestamp), "whole")._replace(asset_key=key)
        yield reported(report, started)._replace(asset_key=key, check_results=[result])

    return ranked
