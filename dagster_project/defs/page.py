"""The report: a page about a week, made last, of everything else."""

import dagster as dg

from basemodel_ops.assets import FOUNDATION_MODEL
from basemodel_ops.code import code_behind
from dagster_project.defs import answers, audiences, deciles, explanations, insight
from dagster_project.defs.automation import newest_cutoff
from dagster_project.defs.partitions import as_of, cutoffs
from dagster_project.lib.keys import asset_key
from dagster_project.lib.project import Project
from dagster_project.lib.stage import WorkspaceResource, materialized

REPORT = dg.AssetKey("report")

READ = (answers, deciles, insight, audiences, explanations)
"""Groups whose tables the page shows."""


def assets(project: Project) -> list[dg.AssetsDefinition]:
    """The one asset definition of this group."""
    contract = project.contract
    read = [source.relation for source in (*contract.events, *contract.attributes)]

    @dg.asset(
        key=REPORT,
        deps=list(
            dict.fromkeys(
                [
                    asset_key(FOUNDATION_MODEL),
                    *(dg.AssetKey([task.name, "evaluation"]) for task in contract.tasks),
                    *(key for group in READ for key in group.keys(project)),
                    *(project.key(relation) for relation in read),
                ]
            )
        ),
        group_name="insight",
        kinds={"python", "html"},
        description="A page about the week and the models: `basemodel report` opens it.",
        code_version=code_behind("stages.reporting.reporting"),
        partitions_def=cutoffs(contract.grid),
        automation_condition=newest_cutoff(contract.grid),
    )
    def report(context: dg.AssetExecutionContext, workspaces: WorkspaceResource) -> dg.MaterializeResult:
        from basemodel_ops import stages

        workspace = workspaces.open(context)
        return materialized(lambda: stages.report(workspace, as_of(context.partition_key)))

    return [report]


def keys(_: Project) -> list[dg.AssetKey]:
    """Its key."""
    return [REPORT]
