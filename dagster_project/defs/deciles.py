"""Where each score of a week stands among all: percentiles and deciles, beside the score tables."""

import time
from collections.abc import Iterator

import dagster as dg

from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import scores_key
from dagster_project.defs.lineage import from_scores
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners, task_tags
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_back, reported, unchanged


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group: all deciles of a week; none where every task ranks items."""
    tasks = _compared(project)
    if not tasks:
        return []
    tables = {
        task.name: TableAsset(
            project, deciles_key(task.name), f"{task.name}_deciles", TABLES["deciles"], task.entity,
            from_scores(scores_key(task.name), task, answer=True),
        )
        for task in tasks
    }  # fmt: skip
    specs = [
        tables[task.name].spec(
            f"Where each score of `{task.name}` stands", "stages.scoring.deciles", [scores_key(task.name)], "tasks",
            owners=owners(project.contract, task.relation), tags=task_tags(task),
        )
        for task in tasks
    ]  # fmt: skip
    text = "Every score has one place, and deciles are as the percentiles say."

    @dg.multi_asset(
        name="deciles",
        specs=specs,
        check_specs=[dg.AssetCheckSpec("whole", asset=spec.key, blocking=True, description=text) for spec in specs],
        partitions_def=cutoffs(project.contract.grid),
        can_subset=True,
    )
    def deciles(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks.deciles import check_deciles

        timestamp, workspace = as_of(context.partition_key), workspaces.open(context)
        wanted = [task for task in tasks if deciles_key(task.name) in context.selected_asset_keys]
        held = held_back(workspace, [task.name for task in wanted])
        for task in wanted:
            key = deciles_key(task.name)
            if task.name in held:
                yield unchanged(key, held[task.name])
            else:
                started = time.monotonic()
                report = stages.task_deciles(workspace, task.name, timestamp, context.run.run_id)
                result = checked(check_deciles(workspace, task.name, timestamp), "whole")._replace(asset_key=key)
                yield (
                    tables[task.name]
                    .with_metadata(reported(report, started), workspace)
                    ._replace(check_results=[result])
                )

    return [deciles]


def deciles_key(task: str) -> dg.AssetKey:
    """The asset of the deciles of a task's scores."""
    return dg.AssetKey([task, "deciles"])


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all deciles."""
    return [deciles_key(task.name) for task in _compared(project)]


def _compared(project: Project) -> list[Task]:
    """The tasks whose scores are compared between entities; a recommendation ranks the items of each."""
    return [task for task in project.contract.tasks if task.form.shape is not Shape.ITEMS]
