"""Weekly tables about entities side by side, read from what is kept of a week; and the vectors of values."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import FOUNDATION_MODEL, SEGMENTATION, embedding_key, published_columns, represented
from basemodel_ops.contract.answers import TABLES, published_name
from basemodel_ops.memory import peak_mb, reset_peak
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import REPRESENTATION
from dagster_project.defs.lineage import of_population, of_values
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_to_budget, materialized, reported

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import Report
    from basemodel_ops.stages import Workspace

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


@dataclass(frozen=True)
class _Weekly:
    """A table of a week: what it holds, the module that makes it, what it is read from, and what its check claims."""

    about: str
    module: str
    deps: list[dg.AssetKey]
    claim: str


def _described(project: Project) -> dict[dg.AssetKey, _Weekly]:
    """The tables of a week."""
    entity, divided = project.contract.entity, [REPRESENTATION, asset_key(SEGMENTATION)]
    # Past weeks, by which odd ones are told, are made of raw events.
    artifacts, relations = represented(project.contract)
    histories = [*map(asset_key, artifacts), *map(project.key, relations)]
    anticipated = [REPRESENTATION, asset_key(FOUNDATION_MODEL), *histories]
    return {
        EMBEDDINGS: _Weekly(
            f"The embedding of each {entity}, as a text", "vectors", [REPRESENTATION],
            "Everyone of the week stands once, with a vector.",
        ),
        LOOKALIKES: _Weekly(
            f"Who is nearest to each {entity}", "lookalikes", [REPRESENTATION],
            "Everyone has as many look-alikes, and is none of their own.",
        ),
        SEGMENTS: _Weekly(
            f"The group of each {entity}, and those within it", "segments", divided,
            "Everyone has one segment at the first level, and at most one at each.",
        ),
        PROFILES: _Weekly(
            "What sets each segment apart, with lift and interval", "segments", divided,
            "Lifts are above 1 and inside of their intervals.",
        ),
        ANOMALIES: _Weekly(
            f"How odd the last weeks of each {entity} were, and what is", "anomalies", anticipated,
            "Everyone has a first reason and few more, or there are none at all.",
        ),
    }  # fmt: skip


def _weekly(project: Project) -> dg.AssetsDefinition:
    described, population = _described(project), of_population(project, project.contract.tasks)
    population["neighbour"] = population.get(project.contract.entity, [])
    tables = {
        key: TableAsset(project, key, key.path[0], TABLES[key.path[0]], project.contract.entity, population)
        for key in described
    }
    specs = [
        tables[key].spec(weekly.about, f"stages.insight.{weekly.module}", weekly.deps, GROUP)
        for key, weekly in described.items()
    ]
    checks = [
        dg.AssetCheckSpec("whole", asset=key, blocking=True, description=weekly.claim)
        for key, weekly in described.items()
    ]
    even = "P-values are uniform, as they are where a week is like those before it. It stops nothing."
    checks.append(dg.AssetCheckSpec("calibrated", asset=ANOMALIES, description=even))

    @dg.multi_asset(
        name="insight", specs=specs, check_specs=checks, partitions_def=cutoffs(project.contract.grid), can_subset=True
    )
    def insight(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops.stages.planning.budget import INSIGHT

        timestamp, workspace = as_of(context.partition_key), workspaces.open(context)
        for made_keys, stage in _stages(workspace, timestamp, context.run.run_id).items():
            reset_peak()
            started, wanted = time.monotonic(), context.selected_asset_keys & set(made_keys)
            reports = stage() if wanted else {}
            held_to_budget(workspace, context, INSIGHT)(peak_mb())
            for name, report in reports.items():
                if (key := dg.AssetKey(name)) in wanted:
                    results = _results(workspace, key, timestamp)
                    yield (
                        tables[key].with_metadata(reported(report, started), workspace)._replace(check_results=results)
                    )

    return insight


def _stages(
    workspace: "Workspace", timestamp: datetime, run: str
) -> dict[tuple[dg.AssetKey, ...], Callable[[], "dict[str, Report]"]]:
    """What makes the tables of a week, by their keys."""
    from basemodel_ops import stages

    return {
        (EMBEDDINGS,): lambda: {"entity_embeddings": stages.entity_embeddings(workspace, timestamp, run)},
        (LOOKALIKES,): lambda: {"lookalikes": stages.lookalikes(workspace, timestamp, run)},
        (SEGMENTS, PROFILES): lambda: stages.segments(workspace, timestamp, run),
        (ANOMALIES,): lambda: {"anomalies": stages.anomalies(workspace, timestamp, run)},
    }


def _results(workspace: "Workspace", key: dg.AssetKey, timestamp: datetime) -> list[dg.AssetCheckResult]:
    """What the checks of a table of a week find."""
    from basemodel_ops.stages.checks import insight as properties

    find = {
        EMBEDDINGS: properties.check_entity_embeddings, LOOKALIKES: properties.check_lookalikes,
        SEGMENTS: properties.check_segments, PROFILES: properties.check_profiles,
        ANOMALIES: properties.check_anomalies,
    }[key]  # fmt: skip
    results = [checked(find(workspace, timestamp), "whole")]
    if key == ANOMALIES:
        even = checked(properties.check_calibrated(workspace, timestamp), "calibrated")
        results.append(even._replace(severity=dg.AssetCheckSeverity.WARN))
    return [result._replace(asset_key=key) for result in results]


def _items(project: Project, column: str) -> dg.AssetsDefinition:
    sources, name = published_columns(project.contract)[column], published_name(column)
    table = TableAsset(
        project, items_key(column), f"{name}_embeddings", TABLES["embeddings"], name,
        of_values(project, column, sources),
    )  # fmt: skip
    vectors = [asset_key(embedding_key(source, column)) for source in sources]
    about, contract = f"The vector of each value of `{column}`", project.contract
    owned = [email for source in sources for email in owners(contract, contract.event(source).relation)]

    @dg.multi_asset(
        name="__".join(table.key.path),
        specs=[
            table.spec(
                about, "stages.insight.vectors", vectors, GROUP, owners=list(dict.fromkeys(owned)), partitioned=False
            )
        ],
    )
    def embedded(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = workspaces.open(context)
        result = materialized(lambda: stages.item_embeddings(workspace, column, context.run.run_id))
        return table.with_metadata(result, workspace)

    return embedded
