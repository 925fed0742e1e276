"""Checks of dbt models that the science reads. Blocking: what depends on a failed one does not start."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.contract.types import AttributeSource, Contract, EventSource, Relation, Task
from basemodel_ops.errors import WarehouseError
from dagster_project.defs.partitions import timestamp
from dagster_project.lib.check_results import cached_result, cached_results, content
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import CheckResult
    from basemodel_ops.warehouse.base import Warehouse


def relations(contract: Contract) -> list[Relation]:
    """The dbt models that the science reads, once each."""
    sources = [item.relation for item in (*contract.events, *contract.attributes, contract.grid, *contract.tasks)]
    sources += [audience.relation for audience in contract.audiences]
    named = [relation for task in contract.tasks for relation in (task.population, task.offers) if relation]
    return list({str(relation): relation for relation in (*sources, *named)}.values())


def preflight_check(project: Project) -> dg.AssetChecksDefinition:
    """What must hold of every model before long work, found once for all of them."""
    models = {project.key(relation): relation for relation in relations(project.contract)}

    @dg.multi_asset_check(
        name="preflight",
        specs=[
            dg.AssetCheckSpec(
                "preflight",
                asset=key,
                blocking=True,
                description="Not empty, keys sound, nothing after now, joins that match, labels in complete windows, "
                "nobody who was forgotten.",
            )
            for key in models
        ],
        can_subset=True,
    )
    def preflight(
        context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource
    ) -> Iterator[dg.AssetCheckResult]:
        from basemodel_ops.data_quality.preflight import preflight as find
        from basemodel_ops.stages.erasure.forgetting import check_models

        keys = sorted(check.asset_key for check in context.selected_asset_check_keys)
        now = timestamp(project.contract.grid)
        workspace = workspaces.open(context)
        with workspace.warehouse() as warehouse:
            results = _cached_preflight(project, warehouse, lambda: find(warehouse, project.contract, now))
            results += check_models(workspace.contract, warehouse)
        for key in keys:
            yield _summary(key, [result for result in results if is_about(result, models[key])])

    return preflight


def _cached_preflight(
    project: Project, warehouse: "Warehouse", find: Callable[[], list["CheckResult"]]
) -> list["CheckResult"]:
    """What is found of all models, from the last time where they hold the same and all was well.

    What was not after a `now` is not after a later one, and the contract knows a `now` that is set.
    """
    contract = project.contract
    try:
        held = [[str(relation), content(warehouse, contract, relation)] for relation in relations(contract)]
    except WarehouseError:  # one is not there, or not as declared
        return find()
    return list(cached_results(project.settings, "preflight", [contract.fingerprint, held], find)[0])


def is_about(result: "CheckResult", relation: Relation) -> bool:
    """Whether the finding is about this model: its name starts `model: `."""
    return result.name.split(":")[0] == relation.name


def _summary(key: dg.AssetKey, results: Sequence["CheckResult"]) -> dg.AssetCheckResult:
    failed = [result for result in results if not result.passed]
    return dg.AssetCheckResult(
        check_name="preflight",
        asset_key=key,
        passed=not failed,
        description=" ".join(result.description for result in failed) or "Sound.",
        metadata={"properties": len(results), "failed": len(failed)},
    )


def _quality(project: Project, source: EventSource | AttributeSource) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=project.key(source.relation),
        name="quality",
        blocking=True,
        description="Great Expectations on a bounded batch: keys and times are there and columns are of their type.",
    )
    def quality(context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource) -> dg.AssetCheckResult:
        from dagster_project.lib.quality import check_source

        now = timestamp(project.contract.grid)
        with workspaces.open(context).warehouse() as warehouse:
            seen = [source.model_dump(mode="json"), now.date(), content(warehouse, project.contract, source.relation)]
            result, reused = cached_result(
                project.settings, f"{source.name}/quality", seen, lambda: check_source(warehouse, source, now)
            )
            return checked(result, reused=reused)

    return quality


def _types(project: Project, source: EventSource | AttributeSource) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=project.key(source.relation),
        name="types",
        description="What a bounded look at the values says of the inferred types; an annotation settles it.",
    )
    def types(context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource) -> dg.AssetCheckResult:
        from basemodel_ops.data_quality.profiles import inference_report, profile, unread

        with workspaces.open(context).warehouse() as warehouse:
            result = profile(warehouse, source)
        odd = [f"{profile.column.name}: {profile.advice}" for profile in result if profile.advice]
        return dg.AssetCheckResult(
            passed=not odd,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(odd) or "No inferred type looks wrong.",
            metadata={
                "report": dg.MetadataValue.md(inference_report(result, unread([source]))),
                "columns": len(result),
            },
        )

    return types


SOURCE_CHECKS = (_quality, _types)


def repeats_check(project: Project, source: EventSource) -> dg.AssetChecksDefinition:
    """Whether events stand twice."""

    @dg.asset_check(
        asset=project.key(source.relation),
        name="repeats",
        description="No event stands twice: an increment that was loaded twice doubles every sum. It stops nothing.",
    )
    def repeats(context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource) -> dg.AssetCheckResult:
        from basemodel_ops.data_quality.repetition import repeated_rows

        with workspaces.open(context).warehouse() as warehouse:
            seen = [source.model_dump(mode="json"), content(warehouse, project.contract, source.relation)]
            result, reused = cached_result(
                project.settings, f"{source.name}/repeats", seen, lambda: repeated_rows(warehouse, source)
            )
        return checked(result, reused=reused)._replace(severity=dg.AssetCheckSeverity.WARN)

    return repeats


def cutoffs_check(project: Project, task: Task) -> dg.AssetChecksDefinition:
    """Whether labels are all one value at whole cutoffs."""

    @dg.asset_check(
        asset=project.key(task.relation),
        name="cutoffs",
        description="At no cutoff all labels are one value while elsewhere they are not: as where it was not recorded "
        "yet. It stops nothing.",
    )
    def cutoffs(context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource) -> dg.AssetCheckResult:
        from basemodel_ops.data_quality.cutoff_labels import labels_by_cutoff

        with workspaces.open(context).warehouse() as warehouse:
            return checked(labels_by_cutoff(warehouse, task))

    return cutoffs
