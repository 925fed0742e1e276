"""When things run by themselves: the weekly schedule and the conditions on weekly assets."""

import dagster as dg
from dagster import AutomationCondition, AutomationConditionSensorDefinition, DefaultSensorStatus

from dagster_project.partitions import newest_key, weekday, weekly
from dagster_project.project import Project

MAIN_JOB = "main_job"


def newest_week() -> AutomationCondition:
    """Fill the newest week once its inputs exist and have passed their blocking checks."""
    missing = AutomationCondition.on_missing().with_label("the newest week is missing and its inputs are there")
    sound = AutomationCondition.all_deps_blocking_checks_passed().with_label("the inputs passed their blocking checks")
    return (missing & sound).with_label("fill the newest week once its inputs are there and sound")


def main_job() -> dg.JobDefinition:
    """The one job: everything, in one process, since one process at a time may hold a DuckDB file."""
    return dg.define_asset_job(
        MAIN_JOB,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="From raw tables to score tables and marts, for one weekly cutoff.",
    )  # pyright: ignore[reportReturnType]


def weekly_schedule(project: Project) -> dg.ScheduleDefinition:
    """Run the main job for the newest week, some hours into it so that late rows have landed."""
    partitions = weekly(project.contract.grid)

    @dg.schedule(
        job_name=MAIN_JOB,
        cron_schedule=f"0 4 * * {weekday(project.contract.grid)}",
        description="The newest week, at 04:00 UTC on the day of the cutoff.",
    )
    def weekly_main_job() -> dg.RunRequest:
        key = newest_key(partitions)
        return dg.RunRequest(run_key=key, partition_key=key)

    return weekly_main_job


def automation_sensor() -> AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions; running, since Dagster's own starts stopped."""
    return AutomationConditionSensorDefinition(
        "weekly_conditions",
        target=dg.AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
    )
