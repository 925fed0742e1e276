"""Weekly explanations: the reasons of the highest scores of each task and of a sample, beside the score tables."""

import time
from collections.abc import Iterator

import dagster as dg

from basemodel_ops.assets import represented
from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.memory import reset_peak
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.answers import scores_key
from dagster_project.defs.lineage import from_scores
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners, task_tags
from dagster_project.lib.check_results import cached_result
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_back, reported, unchanged


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group: all explanations of a week; none where nothing is to be explained."""
    tasks = _explained(project)
    if not tasks:
        return []
    _, relations = represented(project.contract)
    events = [project.key(relation) for relation in relations]
    tables = {
        task.name: TableAsset(
            project, explanations_key(task.name), f"{task.name}_explanations", TABLES["explanations"], task.entity,
            from_scores(scores_key(task.name), task), ("importance", "aggregate_reasons", "effects"),
        )
        for task in tasks
    }  # fmt: skip
    specs = [
        tables[task.name].spec(
            f"What moves scores of `{task.name}`", "stages.explanations.publishing",
            [scores_key(task.name), dg.AssetKey([task.name, "model"]), dg.AssetKey("foundation_model"), *events],
            "insight", owners=owners(project.contract, task.relation), tags=task_tags(task),
        )
        for task in tasks
    ]  # fmt: skip
    text = {
        "sums": "Reasons sum to the published score less that of an empty history.",
        "faithful": "Events said to matter move the score at least three times as far as others.",
    }

    @dg.multi_asset(
        name="explanations",
        specs=specs,
        # Declared here, not apart: a check of one partition must run with that partition.
        check_specs=[
            dg.AssetCheckSpec(name, asset=spec.key, blocking=name == "sums", description=words)
            for spec in specs
            for name, words in text.items()
            if name in _checks(spec.key.path[0], project)
        ],
        partitions_def=cutoffs(project.contract.grid),
        can_subset=True,
    )
    def explanations(
        context: dg.AssetExecutionContext, workspaces: WorkspaceResource
    ) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks.explanations import check_faithful, check_sums

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
            results = [checked(check_sums(workspace, name, timestamp), "sums")]
            if "faithful" in _checks(name, project):
                faithful, again = cached_result(
                    workspace.settings,
                    f"{name}/explanations/faithful",
                    [context.partition_key, report.version],
                    lambda name=name: check_faithful(workspace, name, timestamp),
                )
                result = checked(faithful, "faithful", again)
                results.append(result._replace(severity=dg.AssetCheckSeverity.WARN))
            results = [result._replace(asset_key=key) for result in results]
            yield tables[name].told(reported(report, started), workspace)._replace(check_results=results)

    return [explanations]


def explanations_key(task: str) -> dg.AssetKey:
    """The asset of a task's explanations."""
    return dg.AssetKey([task, "explanations"])


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all weekly explanations."""
    return [explanations_key(task.name) for task in _explained(project)]


def _explained(project: Project) -> list[Task]:
    """The tasks whose scores are explained every week."""
    return [task for task in project.contract.tasks if not task.is_own] if project.settings.explained else []


def _checks(task: str, project: Project) -> list[str]:
    """Checks of a task's explanations; shares of a recommendation come from its formula, so no event is removed."""
    return ["sums"] if project.contract.task(task).form.shape is Shape.ITEMS else ["sums", "faithful"]
