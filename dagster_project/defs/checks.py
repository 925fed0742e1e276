"""Checks between the stages. Blocking: what depends on a failed one does not start. Scores are checked where made."""

from collections.abc import Callable, Sequence
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
from basemodel_ops.contract.types import Task
from basemodel_ops.data_quality.cutoff_labels import has_comparable_cutoffs
from dagster_project.defs.model_checks import SOURCE_CHECKS, cutoffs_check, preflight_check, repeats_check
from dagster_project.lib.check_results import cached_result, content
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.report import CheckResult
    from basemodel_ops.stages import Workspace


def checks(project: Project) -> list[dg.AssetChecksDefinition]:
    """Every check, built from the contract."""
    contract = project.contract
    sources = [check(project, source) for source in (*contract.events, *contract.attributes) for check in SOURCE_CHECKS]
    sources += [repeats_check(project, source) for source in contract.events]
    columns = category_columns(contract)
    vectors = [_embeddings(project, source, column) for source, column in columns]
    cells = [_codes(project, source, column) for source, column in columns]
    models = [_task(project, task.name) for task in contract.tasks]
    trained = [FOUNDATION_MODEL, *(model_key(task.name) for task in contract.tasks)]
    forgotten = [_forgotten(project, key) for key in trained]
    labels = [_labels(project, task) for task in contract.tasks]
    labels += [cutoffs_check(project, task) for task in contract.tasks if has_comparable_cutoffs(task)]
    learnt_from = [*labels, _point_in_time(project)]
    return [
        preflight_check(project),
        *sources,
        *vectors,
        *cells,
        *learnt_from,
        _foundation(project),
        *models,
        *forgotten,
    ]


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
        return [workspace.store.current(key).version for key in (TRAINING_EXAMPLES, SNAPSHOT)], tables

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
