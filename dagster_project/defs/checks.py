"""Checks between the stages. Blocking: what depends on a failed one does not start. Scores are checked where made."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import (
    FOUNDATION_MODEL,
    SNAPSHOT,
    TRAINING_EXAMPLES,
    category_columns,
    codes_key,
    embedding_key,
    model_key,
)
from basemodel_ops.contract.types import AttributeSource, Contract, EventSource, Relation, Task
from basemodel_ops.errors import WarehouseError
from dagster_project.defs.partitions import timestamp
from dagster_project.lib.check_results import cached_result, cached_results, content
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import CheckResult
    from basemodel_ops.stages import Workspace
    from basemodel_ops.warehouse.base import Warehouse


def checks(project: Project) -> list[dg.AssetChecksDefinition]:
    """Every check, built from the contract."""
    contract = project.contract
    sources = [check(project, source) for source in (*contract.events, *contract.attributes) for check in SOURCE_CHECKS]
    sources += [_repeats(project, source) for source in contract.events]
    columns = category_columns(contract)
    vectors = [_embeddings(project, source, column) for source, column in columns]
    cells = [_codes(project, source, column) for source, column in columns]
    models = [_task(project, task.name) for task in contract.tasks]
    trained = [FOUNDATION_MODEL, *(model_key(task.name) for task in contract.tasks)]
    forgotten = [_forgotten(project, key) for key in trained]
    labels = [_labels(project, task) for task in contract.tasks]
    learnt_from = [*labels, _point_in_time(project)]
    return [_preflight(project), *sources, *vectors, *cells, *learnt_from, _foundation(project), *models, *forgotten]


def relations(contract: Contract) -> list[Relation]:
    """The dbt models that the science reads, once each."""
    sources = [item.relation for item in (*contract.events, *contract.attributes, contract.grid, *contract.tasks)]
    sources += [audience.relation for audience in contract.audiences]
    named = [relation for task in contract.tasks for relation in (task.population, task.offers) if relation]
    return list({str(relation): relation for relation in (*sources, *named)}.values())


def _preflight(project: Project) -> dg.AssetChecksDefinition:
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
            results = _remembered(project, warehouse, lambda: find(warehouse, project.contract, now))
            results += check_models(workspace, warehouse)
        for key in keys:
            yield _summary(key, [result for result in results if is_about(result, models[key])])

    return preflight


def _remembered(
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


def _repeats(project: Project, source: EventSource) -> dg.AssetChecksDefinition:
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


def _stage(
    project: Project,
    asset: Sequence[str],
    name: str,
    description: str,
    find: Callable[["Workspace"], "CheckResult"],
    blocking: bool = True,
    versions: Callable[["Workspace"], object] | None = None,
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=name, blocking=blocking, description=description)
    def check(context: dg.AssetCheckExecutionContext, workspaces: WorkspaceResource) -> dg.AssetCheckResult:
        workspace = workspaces.open(context)
        if versions is None:
            return checked(find(workspace))
        about = f"{'/'.join(asset)}/{name}"
        result, reused = cached_result(project.settings, about, versions(workspace), lambda: find(workspace))
        return checked(result, reused=reused)

    return check


def _embeddings(project: Project, source: str, column: str) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.answers import check_embeddings

        return check_embeddings(workspace, source, column)

    text = "Vectors are finite and of unit length wherever a value has neighbours."
    return _stage(project, asset_key(embedding_key(source, column)).path, "vectors", text, find)


def _codes(project: Project, source: str, column: str) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.answers import check_codes

        return check_codes(workspace, source, column)

    text = "Codes fall inside the sketch, which then ranks what it holds as the true counts do."
    return _stage(project, asset_key(codes_key(source, column)).path, "queries", text, find)


def _labels(project: Project, task: Task) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.label_counts import check_labels
        from basemodel_ops.stages.checks.targets import check_targets

        targets = check_targets(workspace, task.name)
        return check_labels(workspace, task.name) if targets.passed else targets

    text = "Targets can be learnt from, and those of sampled rows are what a plain loop over their events says."
    return _stage(project, project.key(task.relation).path, "labels", text, find)


def _point_in_time(project: Project) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.point_in_time import check_point_in_time

        return check_point_in_time(workspace)

    def versions(workspace: "Workspace") -> object:
        sources = (*workspace.contract.events, *workspace.contract.attributes)
        with workspace.warehouse() as warehouse:
            tables = [content(warehouse, workspace.contract, source.relation) for source in sources]
        return [workspace.current(key).version for key in (TRAINING_EXAMPLES, SNAPSHOT)], tables

    text = "Shuffling what comes after a cutoff changes no byte of what is learnt from."
    return _stage(project, [TRAINING_EXAMPLES], "no_future", text, find, versions=versions)


def _foundation(project: Project) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.answers import check_model

        return check_model(workspace)

    return _stage(
        project, [FOUNDATION_MODEL], "loss", "Losses are finite and below those of knowing only averages.", find
    )


def _task(project: Project, task: str) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.checks.answers import check_task

        return check_task(workspace, task)

    # It blocks the scores of this task and not those of all: what answers asks it again of each (`stage.held_back`).
    text = "The shipped model is not clearly worse than a plain baseline; else it is not asked."
    return _stage(project, [task, "evaluation"], "baseline", text, find, blocking=False)


def _forgotten(project: Project, key: str) -> dg.AssetChecksDefinition:
    def find(workspace: "Workspace") -> "CheckResult":
        from basemodel_ops.stages.erasure.forgetting import check_erased

        return check_erased(workspace, key)

    return _stage(project, key.split("/"), "forgotten", "The model saw nobody who was forgotten since.", find)
