"""Audiences: for each dbt model that lists seeds, the weekly ranking of everyone else."""

import time
from collections.abc import Iterator

import dagster as dg

from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.types import Audience
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import REPRESENTATION
from dagster_project.defs.insight import GROUP
from dagster_project.defs.lineage import of_population
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, reported


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """One asset for each audience."""
    return [_audience(project, audience) for audience in project.contract.audiences]


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of the assets of this group."""
    return [_key(audience) for audience in project.contract.audiences]


def _key(audience: Audience) -> dg.AssetKey:
    return asset_key(f"{audience.name}/audience")


def _audience(project: Project, audience: Audience) -> dg.AssetsDefinition:
    key = _key(audience)
    table = TableAsset(
        project, key, f"{audience.name}_audience", TABLES["audience"], project.contract.entity,
        of_population(project, project.contract.tasks),
    )  # fmt: skip

    @dg.multi_asset(
        name=f"{key.path[0]}__audience",
        specs=[
            table.spec(
                f"Who is like those that {audience.name} lists, the likeliest first", "stages.insight.audiences",
                [REPRESENTATION, project.key(audience.relation)], GROUP,
                owners=owners(project.contract, audience.relation),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec("whole", asset=key, blocking=True, description="Everyone who is no seed stands once.")
        ],
        partitions_def=cutoffs(project.contract.grid),
    )  # fmt: skip
    def ranked(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks.audiences import check_audience

        timestamp, workspace, started = as_of(context.partition_key), workspaces.open(context), time.monotonic()
        report = stages.audience(workspace, audience.name, timestamp, context.run.run_id)
        result = checked(check_audience(workspace, audience.name, timestamp), "whole")._replace(asset_key=key)
        yield table.with_metadata(reported(report, started), workspace)._replace(check_results=[result])

    return ranked
