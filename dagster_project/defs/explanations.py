"""Weekly explanations: the reasons of the highest scores of each task and of a sample, beside the score tables."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import FOUNDATION_MODEL, model_key, represented
from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.memory import peak_mb, reset_peak
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import scores_key
from dagster_project.defs.lineage import from_scores
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners, task_tags
from dagster_project.lib.check_results import cached_result
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_back, held_to_budget, reported, unchanged

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.stages import Workspace

CHECKS = {
    "sums": "Reasons sum to the published score less that of an empty history.",
    "faithful": "Events said to matter move the score at least three times as far as others.",
}
"""What each check claims, by its name."""


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group: all explanations of a week; none where nothing is to be explained."""
    tasks = _explained(project)
    if not tasks:
        return []
    artifacts, relations = represented(project.contract)
    histories = [*map(asset_key, artifacts), *map(project.key, relations)]
    tables = {task.name: _table(project, task) for task in tasks}
    specs = [
        tables[task.name].spec(
            f"What moves scores of `{task.name}`", "stages.explanations.publishing",
            [scores_key(task.name), asset_key(model_key(task.name)), asset_key(FOUNDATION_MODEL), *histories],
            "insight", owners=owners(project.contract, task.relation), tags=task_tags(task),
        )
        for task in tasks
    ]  # fmt: skip
    # Declared here, not apart: a check of one partition must run with that partition.
    check_specs = [
        dg.AssetCheckSpec(name, asset=explanations_key(task.name), blocking=name == "sums", description=CHECKS[name])
        for task in tasks
        for name in _checks(task)
    ]

    @dg.multi_asset(
        name="explanations", specs=specs, check_specs=check_specs,
        partitions_def=cutoffs(project.contract.grid), can_subset=True,
    )  # fmt: skip
    def explanations(
        context: dg.AssetExecutionContext, workspaces: WorkspaceResource
    ) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.planning.budget import EXPLANATIONS

        timestamp, workspace = as_of(context.partition_key), workspaces.open(context)
        wanted = [task for task in tasks if explanations_key(task.name) in context.selected_asset_keys]
        held = held_back(workspace, [task.name for task in wanted])
        for task in wanted:
            key = explanations_key(task.name)
            if task.name in held:
                yield unchanged(key, held[task.name])
                continue
            reset_peak()
            started, name = time.monotonic(), task.name
            report = stages.task_explanations(workspace, name, timestamp, context.run.run_id)
            held_to_budget(workspace, context, EXPLANATIONS)(peak_mb())
            results = _results(workspace, task, context.partition_key, report.version)
            yield tables[name].with_metadata(reported(report, started), workspace)._replace(check_results=results)

    return [explanations]


def _table(project: Project, task: Task) -> TableAsset:
    return TableAsset(
        project, explanations_key(task.name), f"{task.name}_explanations", TABLES["explanations"], task.entity,
        from_scores(scores_key(task.name), task), ("importance", "aggregate_reasons", "effects"),
    )  # fmt: skip


def _results(workspace: "Workspace", task: Task, partition: str, version: str) -> list[dg.AssetCheckResult]:
    """What the checks of a task's explanations find; the longer of them once for each version of a partition."""
    from basemodel_ops.stages.checks.explanations import check_faithful, check_sums

    timestamp = as_of(partition)
    results = [checked(check_sums(workspace, task.name, timestamp), "sums")]
    if "faithful" in _checks(task):
        faithful, again = cached_result(
            workspace.settings, f"{task.name}/explanations/faithful", [partition, version],
            lambda: check_faithful(workspace, task.name, timestamp),
        )  # fmt: skip
        results.append(checked(faithful, "faithful", again)._replace(severity=dg.AssetCheckSeverity.WARN))
    return [result._replace(asset_key=explanations_key(task.name)) for result in results]


def explanations_key(task: str) -> dg.AssetKey:
    """The asset of a task's explanations."""
    return dg.AssetKey([task, "explanations"])


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all weekly explanations."""
    return [explanations_key(task.name) for task in _explained(project)]


def _explained(project: Project) -> list[Task]:
    """The tasks whose scores are explained every week."""
    return [task for task in project.contract.tasks if not task.has_row_cutoffs] if project.settings.explained else []


def _checks(task: Task) -> list[str]:
    """Checks of a task's explanations; shares of a recommendation come from its formula, so no event is removed."""
    return ["sums"] if task.form.shape is Shape.ITEMS else ["sums", "faithful"]
