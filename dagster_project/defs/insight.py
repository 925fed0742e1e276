"""Weekly tables about entities side by side, read from what is kept of a week; and the vectors of values."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import FOUNDATION_MODEL, SEGMENTATION, embedding_key, published_columns
from basemodel_ops.contract.answers import TABLES, published_name
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import REPRESENTATION
from dagster_project.defs.lineage import of_asked, of_values
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, materialized, reported

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


def _check(key: dg.AssetKey, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec("whole", asset=key, blocking=True, description=description)


def _weekly(project: Project) -> dg.AssetsDefinition:
    entity, divided = project.contract.entity, [REPRESENTATION, asset_key(SEGMENTATION)]
    anticipated = [REPRESENTATION, asset_key(FOUNDATION_MODEL)]
    asked = of_asked(project, project.contract.tasks)
    asked["neighbour"] = asked.get(entity, [])
    made_of = {
        EMBEDDINGS: (f"The embedding of each {entity}, as a text", "vectors", [REPRESENTATION]),
        LOOKALIKES: (f"Who is nearest to each {entity}", "lookalikes", [REPRESENTATION]),
        SEGMENTS: (f"The group of each {entity}, and those within it", "segments", divided),
        PROFILES: ("What sets each segment apart, with lift and interval", "segments", divided),
        ANOMALIES: (f"How odd the last weeks of each {entity} were, and what is", "anomalies", anticipated),
    }
    tables = {key: TableAsset(project, key, key.path[0], TABLES[key.path[0]], entity, asked) for key in made_of}
    specs = [
        tables[key].spec(about, f"stages.insight.{module}", deps, GROUP)
        for key, (about, module, deps) in made_of.items()
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
    def insight(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks import insight as properties

        timestamp, workspace, run = as_of(context.partition_key), workspaces.open(context), context.run.run_id
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
                    yield tables[key].told(reported(report, started), workspace)._replace(check_results=results)

    return insight


def _items(project: Project, column: str) -> dg.AssetsDefinition:
    sources, name = published_columns(project.contract)[column], published_name(column)
    table = TableAsset(
        project, items_key(column), f"{name}_embeddings", TABLES["embeddings"], name,
        of_values(project, column, sources),
    )  # fmt: skip
    vectors = [asset_key(embedding_key(source, column)) for source in sources]
    about = f"The vector of each value of `{column}`"

    @dg.multi_asset(
        name="__".join(table.key.path),
        specs=[table.spec(about, "stages.insight.vectors", vectors, GROUP, partitioned=False)],
    )
    def embedded(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = workspaces.open(context)
        result = materialized(lambda: stages.item_embeddings(workspace, column, context.run.run_id))
        return table.told(result, workspace)

    return embedded
