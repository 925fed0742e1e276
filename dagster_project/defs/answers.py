"""Answers of a cutoff: one pass over whom the tasks ask about fills every score table and keeps embeddings."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from basemodel_ops.assets import FOUNDATION_MODEL, evaluation_key, model_key, represented
from basemodel_ops.code import code_behind
from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.memory import peak_mb, reset_peak
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.automation import newest_cutoff
from dagster_project.defs.lineage import of_scores
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners, task_tags
from dagster_project.lib.check_results import cached_result
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_back, held_to_budget, reported, unchanged

if TYPE_CHECKING:  # the package of stages loads torch
    from basemodel_ops.stages import Workspace

REPRESENTATION = dg.AssetKey("entity_representation")

HELD_BACK = "may_answer"
"""The check of whether a task is answered. It stops no step: only what is of this task is held back."""


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group: all answers of a cutoff."""
    contract, tables = project.contract, _tables(project)

    @dg.multi_asset(
        name="answers",
        specs=_specs(project, tables),
        # Declared here, not apart: a check of one partition must run with that partition.
        check_specs=_checks(project),
        partitions_def=cutoffs(contract.grid),
        can_subset=True,
    )
    def answers(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.planning.budget import SCORES, check_scoring

        reset_peak()
        started, timestamp, workspace = time.monotonic(), as_of(context.partition_key), workspaces.open(context)
        wanted = set(context.selected_asset_keys)
        tasks = [task.name for task in contract.tasks if scores_key(task.name) in wanted]
        held = held_back(workspace, tasks)
        able = [task for task in tasks if task not in held]
        keep = REPRESENTATION in wanted
        check_scoring(workspace)
        reports = stages.score(workspace, able, timestamp, context.run.run_id, keep) if able or keep else {}
        held_to_budget(workspace, context, SCORES)(peak_mb())
        for name, report in reports.items():
            result = reported(report, started)
            if name == "entity_representation":
                results = [_decoding(workspace, context.partition_key, report.version)]
                yield result._replace(asset_key=REPRESENTATION, check_results=results)
            else:
                results = _answered(workspace, name, timestamp)
                yield tables[name].with_metadata(result, workspace)._replace(check_results=results)
        for task, why in held.items():
            key = scores_key(task)
            result = dg.AssetCheckResult(check_name=HELD_BACK, asset_key=key, passed=False, description=why)
            yield unchanged(key, why)._replace(check_results=[result])

    return [answers]


def _tables(project: Project) -> dict[str, TableAsset]:
    """The score tables, by task."""
    return {
        task.name: TableAsset(
            project, scores_key(task.name), f"{task.name}_scores",
            TABLES["scores" if task.form.shape is Shape.ANSWER else "item_scores"], task.entity,
            of_scores(project, task), when="moment" if task.has_row_cutoffs else "cutoff",
        )
        for task in project.contract.tasks
    }  # fmt: skip


def _specs(project: Project, tables: Mapping[str, TableAsset]) -> list[dg.AssetSpec]:
    contract = project.contract
    artifacts, relations = represented(contract)
    made_of = [*map(asset_key, [*artifacts, FOUNDATION_MODEL]), *map(project.key, relations)]
    requested = {task.name: _requested(project, task) for task in contract.tasks}
    everyone = [key for keys in requested.values() for key in keys]
    representation = dg.AssetSpec(
        REPRESENTATION,
        deps=list(dict.fromkeys([*made_of, *everyone])),
        group_name="representation",
        kinds={"python", "emde"},
        description=f"A compact embedding of each {contract.entity} that a task asks about, before `as_of`.",
        code_version=code_behind("stages.scoring.scoring"),
        automation_condition=newest_cutoff(contract.grid),
    )
    scores = [
        tables[task.name].spec(
            f"Answers of `{task.name}` for each {task.entity}", "stages.scoring.scoring",
            [asset_key(model_key(task.name)), asset_key(evaluation_key(task.name)), *made_of, *requested[task.name]],
            "tasks", owners=owners(contract, task.relation), tags=task_tags(task),
        )
        for task in contract.tasks
    ]  # fmt: skip
    return [representation, *scores]


def _requested(project: Project, task: Task) -> list[dg.AssetKey]:
    """The tables that say whom a task asks about, and what it may name."""
    return [project.key(relation) for relation in (task.population or task.relation, task.offers) if relation]


def _checks(project: Project) -> list[dg.AssetCheckSpec]:
    decoding = "Asked what it holds, a sketch names what the events of the entity say. Warns."
    complete = "One partition, in range, for every entity."
    able = "The model may answer. Where not, the tables of this task stay as they were."
    results = [dg.AssetCheckSpec("decoding", asset=REPRESENTATION, description=decoding)]
    for task in project.contract.tasks:
        key = scores_key(task.name)
        results.append(dg.AssetCheckSpec("range", asset=key, blocking=True, description=complete))
        results.append(dg.AssetCheckSpec(HELD_BACK, asset=key, description=able))
    return results


def _decoding(workspace: "Workspace", partition: str, version: str) -> dg.AssetCheckResult:
    """Whether sketches answer; found once for each version of a partition."""
    from basemodel_ops.stages.checks.sketch_recall import check_representation

    result, again = cached_result(
        workspace.settings, "entity_representation/decoding", [partition, version],
        lambda: check_representation(workspace, as_of(partition)),
    )  # fmt: skip
    return checked(result, "decoding", again)._replace(asset_key=REPRESENTATION, severity=dg.AssetCheckSeverity.WARN)


def _answered(workspace: "Workspace", task: str, timestamp: datetime) -> list[dg.AssetCheckResult]:
    """Whether the answers of a task are complete; that it may answer was asked before."""
    from basemodel_ops.stages.checks.answers import check_scores

    key, result = scores_key(task), checked(check_scores(workspace, task, timestamp), "range")
    return [result._replace(asset_key=key), dg.AssetCheckResult(check_name=HELD_BACK, asset_key=key, passed=True)]


def scores_key(task: str) -> dg.AssetKey:
    """The asset of a task's score table."""
    return dg.AssetKey([task, "scores"])


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all answers."""
    return [REPRESENTATION, *(scores_key(task.name) for task in project.contract.tasks)]
