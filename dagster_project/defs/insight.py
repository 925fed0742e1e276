"""Weekly tables about entities side by side, read from what is kept of a week; and the vectors of values."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import published_columns
from basemodel_ops.code import code_behind
from dagster_project.defs.answers import REPRESENTATION
from dagster_project.defs.automation import newest_cutoff
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import checked, materialized, open_workspace, reported

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import Report

GROUP = "insight"

EMBEDDINGS, LOOKALIKES, SEGMENTS, PROFILES, ANOMALIES = map(
    dg.AssetKey, ("entity_embeddings", "lookalikes", "segments", "segment_profiles", "anomalies")
)


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The asset definitions of this group, but for what is learnt."""
    return [_weekly(project), *(_items(project, column) for column in published_columns(project.contract))]


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all that is made from answers and vectors."""
    return [EMBEDDINGS, LOOKALIKES, SEGMENTS, PROFILES, ANOMALIES, *map(items_key, published_columns(project.contract))]


def items_key(column: str) -> dg.AssetKey:
    """The asset of the table of the vectors of a column's values."""
    return asset_key(f"{column}/embeddings")


def _spec(project: Project, key: dg.AssetKey, module: str, description: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        key, deps=deps, group_name=GROUP, kinds={"python", project.settings.kind}, description=description,
        code_version=code_behind(f"stages.insight.{module}"), automation_condition=newest_cutoff(project.contract.grid),
    )  # fmt: skip


def _check(key: dg.AssetKey, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec("whole", asset=key, blocking=True, description=description)


def _weekly(project: Project) -> dg.AssetsDefinition:
    entity, divided = project.contract.entity, [REPRESENTATION, dg.AssetKey("segmentation")]
    anticipated = [REPRESENTATION, dg.AssetKey("foundation_model")]
    specs = [
        _spec(project, EMBEDDINGS, "vectors", f"The embedding of each {entity}, as a text.", [REPRESENTATION]),
        _spec(project, LOOKALIKES, "lookalikes", f"Who is nearest to each {entity}.", [REPRESENTATION]),
        _spec(project, SEGMENTS, "segments", f"The group of each {entity}, and those within it.", divided),
        _spec(project, PROFILES, "segments", "What sets each segment apart, with lift and interval.", divided),
        _spec(
            project, ANOMALIES, "anomalies", f"How odd the last weeks of each {entity} were, and what is.", anticipated
        ),
    ]
    checks = [
        _check(EMBEDDINGS, "Everyone of the week stands once, with a vector."),
        _check(LOOKALIKES, "Everyone has as many look-alikes, and is none of their own."),
        _check(SEGMENTS, "Everyone has one segment at the first level, and at most one at each."),
        _check(PROFILES, "Lifts are above 1 and inside of their intervals."),
        _check(ANOMALIES, "Everyone has a first reason and few more, or there are none at all."),
        dg.AssetCheckSpec(
            "calibrated",
            asset=ANOMALIES,
            description="P-values are uniform, as they are where a week is like those before it. It stops nothing.",
        ),
    ]

    @dg.multi_asset(
        name="insight", specs=specs, check_specs=checks, partitions_def=cutoffs(project.contract.grid), can_subset=True
    )
    def insight(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks import insight as properties

        timestamp, workspace, run = as_of(context.partition_key), open_workspace(project, context), context.run.run_id
        wanted = set(context.selected_asset_keys)

        def divided() -> "dict[str, Report]":
            return stages.segments(workspace, timestamp, run)

        made: list[tuple[set[dg.AssetKey], Callable[[], dict[str, Report]]]] = [
            ({EMBEDDINGS}, lambda: {"entity_embeddings": stages.entity_embeddings(workspace, timestamp, run)}),
            ({LOOKALIKES}, lambda: {"lookalikes": stages.lookalikes(workspace, timestamp, run)}),
            ({SEGMENTS, PROFILES}, divided),
            ({ANOMALIES}, lambda: {"anomalies": stages.anomalies(workspace, timestamp, run)}),
        ]
        find = {
            EMBEDDINGS: properties.check_entity_embeddings, LOOKALIKES: properties.check_lookalikes,
            SEGMENTS: properties.check_segments, PROFILES: properties.check_profiles,
            ANOMALIES: properties.check_anomalies,
        }  # fmt: skip
        for keys_of, stage in made:
            if not keys_of & wanted:
                continue
            started = time.monotonic()
            for name, report in stage().items():
                key = dg.AssetKey(name)
                if key in wanted:
                    results = [checked(find[key](workspace, timestamp), "whole")]
                    if key == ANOMALIES:
                        even = checked(properties.check_calibrated(workspace, timestamp), "calibrated")
                        results.append(even._replace(severity=dg.AssetCheckSeverity.WARN))
                    results = [result._replace(asset_key=key) for result in results]
                    yield reported(report, started)._replace(asset_key=key, check_results=results)

    return insight


def _items(project: Project, column: str) -> dg.AssetsDefinition:
    sources = published_columns(project.contract)[column]

    @dg.asset(
        key=items_key(column),
        deps=[asset_key(f"embeddings/{source}__{column}") for source in sources],
        group_name=GROUP,
        kinds={"python", project.settings.kind},
        description=f"The vector of each value of `{column}`, in `basemodel.{column}_embeddings`.",
        code_version=code_behind("stages.insight.vectors"),
    )
    def embedded(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.item_embeddings(workspace, column, context.run.run_id))

    return embedded
