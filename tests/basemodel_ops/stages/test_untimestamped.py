"""Facts without a date: hindsight at a past cutoff, so of use for traits only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.stages.tasks.feature_sets import aggregate_names, single_feature_sets
from basemodel_ops.tasks.feature_sets import FeatureSets

from .riding import ask, is_over, plain, trained
from .trips import RIDERS


def survey(home: Path, answers: Sequence[str | None]) -> Workspace:
    """Riders of whom a survey without a date knows the tariff, or nothing."""
    full = plain()
    people = full.attribute("riders")
    people = people.model_copy(update={"valid_from": None, "columns": people.columns[:1]})
    known = [(f"rider {number}", answer) for number, answer in enumerate(answers) if answer is not None]
    table = pa.table({"rider": [rider for rider, _ in known], "tariff": [answer for _, answer in known]})
    return trained(home, full.model_copy(update={"attributes": (people,)}), riders=table)


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> list[Workspace]:
    """The same riders asked twice: all of them, and the half that answered otherwise."""
    number = np.arange(RIDERS)
    complete = [str(tariff) for tariff in np.array(["basic", "gold"])[number % 2]]
    half = [None if n % 3 else "gold" for n in number.tolist()]
    return [survey(tmp_path_factory.mktemp("survey"), answers) for answers in (complete, half)]


def views_of(ws: Workspace, horizon: int | None) -> tuple[FeatureSets, list[str]]:
    requested, task = ask(ws, lambda _, cutoff: int(cutoff.month % 2) if is_over(cutoff) else None, pa.int64())
    task = task.model_copy(update={"horizon": horizon, "type": TaskType.BINARY})
    with requested.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, requested.times(warehouse))
    examples = ExamplesArtifact.current(requested.store)
    row_index = examples.locate(rows.entity, rows.cutoff)
    return single_feature_sets(examples, Checkpoint(requested.store), row_index[row_index >= 0], task), aggregate_names(
        examples, task
    )


def test_what_a_survey_says_changes_nothing_about_a_time(surveys: list[Workspace]) -> None:
    (entry, names), (other, _) = (views_of(ws, 14) for ws in surveys)
    assert not any("riders" in name for name in names)
    np.testing.assert_array_equal(entry.aggregates, other.aggregates)
    np.testing.assert_array_equal(entry.model_outputs, other.model_outputs)


def test_a_trait_reads_what_a_survey_says(surveys: list[Workspace]) -> None:
    feature_sets, names = views_of(surveys[0], None)
    tariffs = feature_sets.aggregates[:, [n for n, name in enumerate(names) if "riders tariff untimestamped" in name]]
    assert tariffs.shape[1] == 2
    np.testing.assert_array_equal(tariffs.sum(axis=1), 1)
