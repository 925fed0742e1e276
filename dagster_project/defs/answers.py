"""Answers of a cutoff: one pass over whom the tasks ask about fills every score table and keeps embeddings."""

import time
from collections.abc import Iterator

import dagster as dg

from basemodel_ops.assets import represented
from basemodel_ops.code import code_behind
from basemodel_ops.contract.answers import TABLES
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.memory import reset_peak
from dagster_project.defs.answer_tables import TableAsset
from dagster_project.defs.automation import freshness, newest_cutoff
from dagster_project.defs.lineage import of_scores
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.about import owners, task_tags
from dagster_project.lib.check_results import cached_result
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, checked, held_back, reported, unchanged

REPRESENTATION = dg.AssetKey("entity_representation")

HELD_BACK = "may_answer"
"""The check of whether a task is answered. It stops no step: only what is of this task is held back."""


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group: all answers of a cutoff."""
    contract = project.contract
    artifacts, relations = represented(contract)
    events = [project.key(relation) for relation in relations]
    asked = [entry for task in contract.tasks for entry in (task.population or task.relation, task.offers) if entry]
    requested = [project.key(relation) for relation in asked]
    learnt = [*map(asset_key, artifacts), dg.AssetKey("foundation_model")]
    specs = [
        dg.AssetSpec(
            REPRESENTATION,
            deps=list(dict.fromkeys([*learnt, *events, *requested])),
            group_name="representation",
            kinds={"python", "emde"},
            description=f"A compact embedding of each {contract.entity} that a task asks about, before `as_of`.",
            code_version=code_behind("stages.scoring.scoring"),
            automation_condition=newest_cutoff(contract.grid),
        )
    ]
    checks = [
        dg.AssetCheckSpec(
            "decoding", asset=REPRESENTATION,
            description="Asked what it holds, a sketch names what the events of the entity say. Warns.",
        )
    ]  # fmt: skip
    tables = {
        task.name: TableAsset(
            project, scores_key(task.name), f"{task.name}_scores",
            TABLES["scores" if task.form.shape is Shape.ANSWER else "item_scores"], task.entity,
            of_scores(project, task), when="moment" if task.is_own else "cutoff",
        )
        for task in contract.tasks
    }  # fmt: skip
    for task in contract.tasks:
        key = scores_key(task.name)
        current = [project.key(entry) for entry in (task.population or task.relation, task.offers) if entry]
        model = [dg.AssetKey([task.name, part]) for part in ("model", "evaluation")]
        specs.append(
            tables[task.name].spec(
                f"Answers of `{task.name}` for each {task.entity}", "stages.scoring.scoring",
                [*model, *learnt, *events, *current], "tasks", owners=owners(contract, task.relation),
                tags=task_tags(task), freshness=freshness(contract.grid),
            )
        )  # fmt: skip
        checks += [
            dg.AssetCheckSpec(
                "range", asset=key, blocking=True, description="One partition, in range, for every entity."
            ),
            dg.AssetCheckSpec(
                HELD_BACK, asset=key,
                description="The model may answer. Where not, the tables of this task stay as they were.",
            ),
        ]  # fmt: skip

    @dg.multi_asset(
        name="answers",
        specs=specs,
        # Declared here, not apart: a check of one partition must run with that partition.
        check_specs=checks,
        partitions_def=cutoffs(contract.grid),
        can_subset=True,
    )
    def answers(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> Iterator[dg.MaterializeResult]:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks.answers import check_scores
        from basemodel_ops.stages.checks.sketch_recall import check_representation

        reset_peak()
        started, timestamp, workspace = time.monotonic(), as_of(context.partition_key), workspaces.open(context)
        wanted = set(context.selected_asset_keys)
        tasks = [task.name for task in contract.tasks if scores_key(task.name) in wanted]
        held = held_back(workspace, tasks)
        able = [task for task in tasks if task not in held]
        keep = REPRESENTATION in wanted
        reports = stages.score(workspace, able, timestamp, context.run.run_id, keep) if able or keep else {}
        for name, report in reports.items():
            if name == "entity_representation":
                result, again = cached_result(
                    workspace.settings,
                    f"{name}/decoding",
                    [context.partition_key, report.version],
                    lambda: check_representation(workspace, timestamp),
                )
                key = REPRESENTATION
                result = checked(result, "decoding", again)._replace(severity=dg.AssetCheckSeverity.WARN)
                materialized = reported(report, started)._replace(asset_key=key)
            else:
                key, result = scores_key(name), checked(check_scores(workspace, name, timestamp), "range")
                materialized = tables[name].told(reported(report, started), workspace)
            fit = [] if key == REPRESENTATION else [dg.AssetCheckResult(check_name=HELD_BACK, passed=True)]
            yield materialized._replace(check_results=[each._replace(asset_key=key) for each in (result, *fit)])
        for task, why in held.items():
            key = scores_key(task)
            result = dg.AssetCheckResult(check_name=HELD_BACK, asset_key=key, passed=False, description=why)
            yield unchanged(key, why)._replace(check_results=[result])

    return [answers]


def scores_key(task: str) -> dg.AssetKey:
    """The asset of a task's score table."""
    return dg.AssetKey([task, "scores"])


def keys(project: Project) -> list[dg.AssetKey]:
    """Keys of all answers."""
    return [REPRESENTATION, *(scores_key(task.name) for task in project.contract.tasks)]
