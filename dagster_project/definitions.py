"""Everything Dagster loads: definitions built from the dbt contract."""

import dagster as dg

from basemodel_ops.settings import Settings
from dagster_project.defs import (
    answers,
    audiences,
    automation,
    checks,
    deciles,
    explanations,
    insight,
    page,
    raw,
    training,
)
from dagster_project.defs import dbt_models as models
from dagster_project.lib.progress import progress
from dagster_project.lib.project import Project, load_project
from dagster_project.lib.stage import WorkspaceResource
from dagster_project.lib.storage import quicken

GROUPS = (raw, models, training, answers, deciles, insight, audiences, explanations, page)
"""Modules with the `assets` of a project."""

WEEKLY = (answers, deciles, insight, audiences, explanations, page)
"""Those whose assets, their `keys`, are made again at every cutoff."""


def build(project: Project, dbt: str | None = None) -> dg.Definitions:
    """The definitions of one dbt project; `dbt` is its path, that of this environment if not given."""
    built = {group: group.assets(project) for group in GROUPS}
    answered = [key for group in WEEKLY for key in group.keys(project)]
    marts = [key for entry in built[models] if entry.node_def.name == models.MARTS_OP for key in entry.keys]
    return dg.Definitions(
        assets=[asset for group in built.values() for asset in group],
        asset_checks=checks.checks(project),
        jobs=automation.jobs(training.keys(project), answered, dg.AssetSelection.assets(*marts)),
        schedules=automation.schedules(project),
        sensors=automation.sensors(project),
        resources={"workspaces": WorkspaceResource(project=project), "dbt": models.resource(project, dbt)},
        loggers={"console": dg.colored_console_logger, "progress": progress},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The project that `BASEMODEL_DBT_PROJECT_DIR` names."""
    quicken()
    return build(load_project(Settings()))
