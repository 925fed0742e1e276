"""When things run by themselves: train monthly, answer at each cutoff, and the conditions on answers."""

from datetime import timedelta

import dagster as dg
from dagster import AutomationCondition, AutomationConditionSensorDefinition, DefaultSensorStatus

from basemodel_ops.contract.cutoffs import ADVERBS, cron, longest_step
from basemodel_ops.contract.types import Cadence, Grid
from basemodel_ops.errors import BaseModelError
from dagster_project.defs.partitions import cutoffs, listed, newest, newest_key, past_keys
from dagster_project.lib.jobs import MAIN_JOB, SCORE_JOB, TRAIN_JOB
from dagster_project.lib.project import Project

RENEWED = {"ops": {"snapshot": {"config": {"renew": True}}}}
"""Run configuration that takes a new snapshot, due or not."""


LATER = timedelta(hours=4)
"""How long after a cutoff it is answered, so that late rows have landed; at most until the end of the day."""


def newest_cutoff(grid: Grid) -> AutomationCondition | None:
    """Fill the newest cutoff once its inputs exist and have passed their blocking checks.

    None of an irregular grid, whose sensor asks for the newest: Dagster would take all of its cutoffs for new.
    """
    if grid.every is Cadence.IRREGULAR:
        return None
    missing = AutomationCondition.on_missing().with_label("the newest cutoff is missing and its inputs are there")
    sound = AutomationCondition.all_deps_blocking_checks_passed().with_label("the inputs passed their blocking checks")
    return (missing & sound).with_label("fill the newest cutoff once its inputs are there and sound")


def freshness(grid: Grid) -> dg.FreshnessPolicy | None:
    """Answers are late once the newest were made longer ago than a step of the grid and `LATER`, or a step and a day.

    None of a stopped data set, which has no next cutoff, and of an irregular grid, whose next nobody knows.
    """
    step = longest_step(grid)
    if step is None or grid.now is not None:
        return None
    return dg.FreshnessPolicy.time_window(warn_window=step + LATER, fail_window=step + timedelta(days=1))


def jobs(trained: list[dg.AssetKey], answered: list[dg.AssetKey], marts: dg.AssetSelection) -> list[dg.JobDefinition]:
    """Train, score, and both: each in one process, since one process at a time may hold a DuckDB file.

    Args:
        trained: What training makes.
        answered: What scoring makes.
        marts: What is built on the answers.
    """
    everything = dg.AssetSelection.all()
    training, answers = dg.AssetSelection.assets(*trained), dg.AssetSelection.assets(*answered)
    return [
        _job(MAIN_JOB, everything, "From raw tables to score tables and marts: trains where that is due, then scores."),
        _job(
            TRAIN_JOB, everything - answers - marts,
            "A new snapshot of the tables, and everything that is learnt from it. Answers stay as they are.",
            RENEWED,
        ),
        _job(
            SCORE_JOB, everything - training, "Tables, answers of one cutoff by the models that are there, and marts."
        ),
    ]  # fmt: skip


def _job(name: str, selection: dg.AssetSelection, description: str, config: dict | None = None) -> dg.JobDefinition:
    return dg.define_asset_job(
        name, selection=selection, executor_def=dg.in_process_executor, description=description, config=config
    )  # pyright: ignore[reportReturnType]


def schedules(project: Project) -> list[dg.ScheduleDefinition]:
    """Answer as often as the grid has cutoffs, train monthly; an irregular grid has a sensor instead of the first."""
    irregular = project.contract.grid.every is Cadence.IRREGULAR
    return [*([] if irregular else [_scores_schedule(project.contract.grid)]), monthly_schedule()]


def sensors(project: Project) -> list[dg.SensorDefinition]:
    """What evaluates the conditions, and what asks for the newest cutoff of an irregular grid."""
    irregular = project.contract.grid.every is Cadence.IRREGULAR
    return [_scores_sensor(project) if irregular else automation_sensor(project.contract.grid)]


def _scores_schedule(grid: Grid) -> dg.ScheduleDefinition:
    """Answer the newest cutoff, some hours after it so that late rows have landed."""
    partitions = cutoffs(grid)

    @dg.schedule(
        name=f"{ADVERBS[grid.every]}_scores",
        job_name=SCORE_JOB,
        cron_schedule=cron(grid, LATER),
        description="The newest cutoff, 4 hours after it (on the same day, UTC), by the models that are there.",
    )
    def scores() -> dg.RunRequest:
        key = newest_key(partitions)
        return dg.RunRequest(run_key=key, partition_key=key)

    return scores


def _scores_sensor(project: Project) -> dg.SensorDefinition:
    """Look every hour for cutoffs that the table lists and that have begun; answer the newest, once."""
    grid = project.contract.grid

    @dg.sensor(
        name=f"{ADVERBS[grid.every]}_scores",
        job_name=SCORE_JOB,
        minimum_interval_seconds=3600,
        description="The newest of the cutoffs that the grid's table lists, once, by the models that are there.",
    )
    def scores() -> dg.SensorResult | dg.SkipReason:
        try:
            timestamps = listed(project)
            key = newest(grid, timestamps)
        except BaseModelError as error:  # another process has the file, or nothing is listed yet
            return dg.SkipReason(str(error))
        registered = cutoffs(grid)
        if not isinstance(registered, dg.DynamicPartitionsDefinition):
            raise TypeError(f"{grid.relation} is irregular, and its partitions are {registered}.")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=key, partition_key=key)],
            dynamic_partitions_requests=[registered.build_add_request(past_keys(grid, timestamps))],
        )

    return scores


def monthly_schedule() -> dg.ScheduleDefinition:
    """Train again once a month: behaviour drifts slower than a week, and learning costs far more than answering."""

    @dg.schedule(
        job_name=TRAIN_JOB,
        cron_schedule="0 1 1 * *",
        description="A new snapshot and new models, at 01:00 UTC on the first of the month, before any answers.",
    )
    def monthly_training() -> dg.RunRequest:
        return dg.RunRequest()

    return monthly_training


def automation_sensor(grid: Grid) -> AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions; running, since Dagster's own starts stopped."""
    return AutomationConditionSensorDefinition(
        f"{ADVERBS[grid.every]}_conditions",
        target=dg.AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
    )
