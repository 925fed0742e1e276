"""Model, evaluation and weekly scores of every task in the contract."""

import dagster as dg

from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Task
from dagster_project.automation import newest_week
from dagster_project.partitions import as_of, weekly
from dagster_project.project import Project
from dagster_project.stage import checked, materialized, open_workspace

GROUP = "tasks"


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """Three assets per task."""
    builders = (_model, _evaluation, _scores)
    return [build(project, task) for task in project.contract.tasks for build in builders]


def _model(project: Project, task: Task) -> dg.AssetsDefinition:
    labels = [project.key(relation) for relation in (task.relation, task.population, task.offers) if relation]

    @dg.asset(
        key=[task.name, "model"],
        deps=["foundation_model", "training_examples", *labels],
        group_name=GROUP,
        kinds={"python", "pytorch", "lightgbm"},
        description=f"The {task.type.value} model of `{task.name}`: the best of tuned heads and baselines.",
        code_version=code_version("tasks"),
    )
    def model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.task_model(workspace, task.name))

    return model


def _evaluation(project: Project, task: Task) -> dg.AssetsDefinition:
    @dg.asset(
        key=[task.name, "evaluation"],
        deps=[[task.name, "model"]],
        group_name=GROUP,
        kinds={"python"},
        description=f"How `{task.name}` does on the last complete cutoffs, against its baseline.",
        code_version=code_version("tasks"),
    )
    def evaluation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = open_workspace(project, context)
        return materialized(lambda: stages.task_evaluation(workspace, task.name))

    return evaluation


def _scores(project: Project, task: Task) -> dg.AssetsDefinition:
    @dg.asset(
        key=[task.name, "scores"],
        deps=[[task.name, "model"], [task.name, "evaluation"], "entity_representation"],
        partitions_def=weekly(project.contract.grid),
        group_name=GROUP,
        kinds={"python", project.settings.target},
        description=f"Answers of `{task.name}` for each {task.entity}, in `basemodel.{task.name}_scores`.",
        code_version=code_version("tasks"),
        automation_condition=newest_week(),
        # Declared here, not apart: a check of one partition must run with that partition.
        check_specs=[
            dg.AssetCheckSpec(
                "range",
                asset=[task.name, "scores"],
                blocking=True,
                description="One partition, in range, for every entity.",
            )
        ],
    )
    def scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from basemodel_ops import stages
        from basemodel_ops.stages.checks import check_scores

        workspace = open_workspace(project, context)
        moment = as_of(context.partition_key)
        result = materialized(lambda: stages.task_scores(workspace, task.name, moment, context.run.run_id))
        return result._replace(check_results=[checked(check_scores(workspace, task.name, moment), "range")])

    return scores
