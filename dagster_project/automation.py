"""When things run by themselves: train monthly, answer weekly, and the conditions on weekly assets."""

import dagster as dg
from dagster import AutomationCondition, AutomationConditionSensorDefinition, DefaultSensorStatus

from dagster_project.partitions import newest_key, weekday, weekly
from dagster_project.project import Project

MAIN_JOB, TRAIN_JOB, SCORE_JOB = "main_job", "train_job", "score_job"

RENEWED = {"ops": {"snapshot": {"config": {"renew": True}}}}
"""Run configuration that takes a new snapshot, due or not."""


def newest_week() -> AutomationCondition:
    """Fill the newest week once its inputs exist and have passed their blocking checks."""
    missing = AutomationCondition.on_missing().with_label("the newest week is missing and its inputs are there")
    sound = AutomationCondition.all_deps_blocking_checks_passed().with_label("the inputs passed their blocking checks")
    return (missing & sound).with_label("fill the newest week once its inputs are there and sound")


def jobs(learnt: list[dg.AssetKey], answered: list[dg.AssetKey], marts: dg.AssetSelection) -> list[dg.JobDefinition]:
    """Train, score, and both: each in one process, since one process at a time may hold a DuckDB file.

    Args:
        learnt: What training makes.
        answered: What scoring makes.
        marts: What is built on the answers.
    """
    everything = dg.AssetSelection.all()
    training, answers = dg.AssetSelection.assets(*learnt), dg.AssetSelection.assets(*answered)
    return [
        _job(MAIN_JOB, everything, "From raw tables to score tables and marts: trains where that is due, then scores."),
        _job(
            TRAIN_JOB, everything - answers - marts,
            "A new snapshot of the tables, and everything that is learnt from it. Answers stay as they are.",
            RENEWED,
        ),
        _job(
            SCORE_JOB, everything - training, "Tables, answers of one week by the models that are there, and marts."
        ),
    ]  # fmt: skip


def _job(name: str, selection: dg.AssetSelection, description: str, config: dict | None = None) -> dg.JobDefinition:
    return dg.define_asset_job(
        name, selection=selection, executor_def=dg.in_process_executor, description=description, config=config
    )  # pyright: ignore[reportReturnType]


def weekly_schedule(project: Project) -> dg.ScheduleDefinition:
    """Answer the newest week, some hours into it so that late rows have landed."""
    partitions = weekly(project.contract.grid)

    @dg.schedule(
        job_name=SCORE_JOB,
        cron_schedule=f"0 4 * * {weekday(project.contract.grid)}",
        description="The newest week, at 04:00 UTC on the day of the cutoff, by the models that are there.",
    )
    def weekly_scores() -> dg.RunRequest:
        key = newest_key(partitions)
        return dg.RunRequest(run_key=key, partition_key=key)

    return weekly_scores


def monthly_schedule() -> dg.ScheduleDefinition:
    """Train again once a month: behaviour drifts slower than a week, and learning costs far more than answering."""

    @dg.schedule(
        job_name=TRAIN_JOB,
        cron_schedule="0 1 1 * *",
        description="A new snapshot and new models, at 01:00 UTC on the first of the month, before any weekly answers.",
    )
    def monthly_training() -> dg.RunRequest:
        return dg.RunRequest()

    return monthly_training


def automation_sensor() -> AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions; running, since Dagster's own starts stopped."""
    return AutomationConditionSensorDefinition(
        "weekly_conditions",
        target=dg.AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
    )
