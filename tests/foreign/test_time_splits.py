"""The split of a task as it is given: what is trained, what is measured, and what nothing may see."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from basemodel_ops.contract.types import Cadence, CountedSplit, GivenSplit, Moments
from basemodel_ops.errors import DataError
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.scoring.scoring import score
from basemodel_ops.stages.snapshot.times import Times, row_cutoff_bounds, to_datetime, to_microseconds
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact

from . import clinics
from .clinics import clinic

START = datetime(2024, 3, 4, 5)
CLINIC = clinic(Cadence.WEEK, START, 24, 7)
GIVEN = GivenSplit(validation_from=datetime(2024, 6, 15), test_from=datetime(2024, 7, 15, 5))


def week(number: int) -> datetime:
    return START + timedelta(weeks=number)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, float]]:
    workspace = CLINIC.workspace(tmp_path_factory.mktemp("given"), CLINIC.contract(split=GIVEN))
    return workspace, clinics.answered(CLINIC, workspace)


def test_the_evaluation_says_which_dates_and_rows_it_used(given: tuple[Workspace, dict[str, float]]) -> None:
    """15 June is between the cutoffs of week 14 and 15; that of week 18 is over on 15 July, when the test begins."""
    workspace, _ = given
    report = EvaluationArtifact.current(workspace.store, "returns").report
    parts = {"train": range(14), "validation": range(15, 19), "test": range(19, 23)}
    assert report["split"] == "given"
    for name, weeks in parts.items():
        first, last = (f"{week(entry):%Y-%m-%dT%H:%M}" for entry in (weeks[0], weeks[-1]))
        assert report[f"{name} cutoffs"] == f"{first} to {last}, {len(weeks)} of them"
        assert report[f"{name} rows"] == len(weeks) * clinics.PATIENTS


def test_nothing_learns_from_what_happens_once_validation_begins(given: tuple[Workspace, dict[str, float]]) -> None:
    workspace, _ = given
    assert to_datetime(workspace.snapshot().times.training_end) == GIVEN.validation_from
    examples = ExamplesArtifact.current(workspace.store)
    trained = np.unique(examples.cutoff[examples.sample("targets")[0]])
    assert to_datetime(int(trained[-1])) + timedelta(days=7) <= GIVEN.validation_from


def test_an_earlier_validation_is_due_for_training_and_a_later_one_is_not(
    given: tuple[Workspace, dict[str, float]],
) -> None:
    """A model that saw the new validation would be measured by what it knows."""
    workspace, _ = given

    def reason(**changes: Any) -> str:
        declared = CLINIC.contract(split=GIVEN.model_copy(update=changes))
        pins = Workspace.open(workspace.settings, declared, lambda _: None).due_pins()
        return "" if pins is None else str(pins.content["reason"])

    assert reason() == ""
    assert reason(validation_from=week(12)) == "task returns is validated earlier than training ended"
    assert "validated earlier" not in reason(test_from=week(20))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"test_from": week(40)}, "no cutoff from test_from 2024-12-09 05:00:00 on, to test"),
        ({"validation_from": START}, "no cutoff whose window is over by validation_from 2024-03-04 05:00:00"),
        ({"validation_from": week(18) + timedelta(days=1)}, "to validate"),
    ],
)
def test_a_split_that_leaves_a_part_empty_is_refused_before_training(
    changes: dict[str, Any], text: str, tmp_path: Path
) -> None:
    few = replace(CLINIC)
    workspace = few.workspace(tmp_path, few.contract(split=GIVEN.model_copy(update=changes)))
    with pytest.raises(DataError, match=text) as caught:
        workspace.pin()
    assert "task returns" in str(caught.value)
    assert "2024-03-04 05:00:00 to 2024-08-05 05:00:00" in str(caught.value)


def test_counts_plan_the_rows_of_the_newest_cutoffs_with_complete_labels(tmp_path: Path) -> None:
    """Of 24 weeks with windows of one, week 22 is the last that is over: 8 test, 4 validate, 11 train."""
    workspace = CLINIC.workspace(tmp_path, CLINIC.contract(split=CountedSplit(validation=4, test=8)))
    workspace.pin()
    snapshot = workspace.snapshot()
    assert to_datetime(snapshot.times.training_end) == week(11)
    rows = {part: count // clinics.PATIENTS for part, count in snapshot.plans["returns"].rows.items()}
    assert rows == {"train": 11, "validation": 4, "test": 8, "embargo": 0}


@pytest.mark.parametrize("known", [None, "known"])
def test_counts_of_moments_of_their_own_are_of_the_grid(known: str | None) -> None:
    """Windows of a week: tests from week 15 (the 8th newest over by week 23), validation 4 weeks before week 14.

    Labels that a column tells are known in no time, so the newest cutoff counts too, and so does that of the test.
    """
    task = CLINIC.contract(split=CountedSplit(validation=4, test=8), moments=Moments.OWN).tasks[0]
    task = task.model_copy(update={"known": known, "horizon": 0 if known else 7})
    times = Times(np.array([to_microseconds(entry) for entry in CLINIC.cutoffs]), to_microseconds(CLINIC.end), 0)
    wanted = (week(12), week(16)) if known else (week(10), week(15))
    assert tuple(map(to_datetime, row_cutoff_bounds(times, task))) == wanted


def test_counts_beyond_the_grid_are_refused_before_training(tmp_path: Path) -> None:
    workspace = CLINIC.workspace(tmp_path, CLINIC.contract(split=CountedSplit(validation=12, test=12)))
    with pytest.raises(DataError, match=r"returns has 23 complete cutoffs.*ask for fewer"):
        workspace.pin()


def test_someone_new_is_told_the_base_rate_where_no_labelled_row_was_without_a_history(
    given: tuple[Workspace, dict[str, float]],
) -> None:
    workspace, before = given
    newest = CLINIC.cutoffs[-1]
    with duckdb.connect(str(workspace.settings.warehouse_path)) as connection:
        connection.execute("insert into main.returns values ('nobody', ?, null)", [newest])
        (rate,) = connection.execute("select avg(returned) from main.returns").fetchone() or (None,)
    report = score(workspace, ["returns"], newest, "again")["returns"]
    with duckdb.connect(str(workspace.settings.warehouse_path), read_only=True) as connection:
        scores = dict(connection.execute("select patient, score from basemodel.returns_scores").fetchall())
    assert report.metrics["without_history"] == 1
    assert scores.pop("nobody") == pytest.approx(rate)
    assert scores == pytest.approx(before)
