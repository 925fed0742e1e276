"""Everything Dagster loads. What there is follows from the dbt project's contract."""

import dagster as dg

from basemodel_ops.settings import Settings
from dagster_project import automation, checks, foundation, models, raw, representation, tasks
from dagster_project.progress import progress
from dagster_project.project import Project, load_project


def build(project: Project) -> dg.Definitions:
    """The definitions of one dbt project."""
    groups = (raw, models, representation, foundation, tasks)
    return dg.Definitions(
        assets=[asset for group in groups for asset in group.assets(project)],
        asset_checks=checks.checks(project),
        jobs=[automation.main_job()],
        schedules=[automation.weekly_schedule(project)],
        sensors=[automation.automation_sensor()],
        loggers={"console": dg.colored_console_logger, "progress": progress},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The project that `BASEMODEL_DBT_PROJECT_DIR` names."""
    return build(load_project(Settings()))
