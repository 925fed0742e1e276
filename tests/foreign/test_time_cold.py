"""Entities without events: answered by their facts, told apart, and measured apart. The grid is quarterly."""

from datetime import datetime

import duckdb
import numpy as np
import pytest

from basemodel_ops.contract.types import Cadence
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.point_in_time import check_point_in_time
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.scoring.scoring import score
from basemodel_ops.stages.tasks.evaluation_artifact import EvaluationArtifact

from . import clinics
from .clinics import PATIENTS, clinic

PEOPLE_UNSEEN = 24
CLINIC = clinic(Cadence.QUARTER, datetime(2019, 2, 28, 12), 20, 84, has_attributes=True, people_unseen=PEOPLE_UNSEEN)

Answered = tuple[Workspace, dict[str, float]]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    workspace = CLINIC.workspace(tmp_path_factory.mktemp("cold"))
    return workspace, clinics.answered(CLINIC, workspace)


def test_whom_nothing_happened_to_gets_the_answer_of_such_rows(answered: Answered) -> None:
    """Strangers were in the question from the start and never came."""
    _, scores = answered
    strange = [scores[f"stranger {entry}"] for entry in range(PEOPLE_UNSEEN)]
    known = [scores[f"patient {entry}"] for entry in range(PATIENTS)]
    assert max(strange) < 0.1
    assert np.mean(known) > 0.5


def test_their_rows_hold_their_attributes_and_an_empty_history(answered: Answered) -> None:
    workspace, _ = answered
    examples = ExamplesArtifact.current(workspace.store)
    names = np.array(examples.entities.values.to_pylist())
    is_strange = np.char.startswith(names.astype(str), "stranger")[examples.entity]
    assert len(np.unique(examples.entity[is_strange])) == PEOPLE_UNSEEN
    rows = np.flatnonzero(is_strange)
    assert (examples.gather(rows, examples.positions("attribute")).sum(axis=1) == 1).all()  # one ward each
    assert not len(examples.positions("elapsed"))  # all are known since the same day: days since it are the date
    assert len(np.unique(examples.gather(rows, examples.positions("scalar")), axis=0)) == 1
    assert not examples.gather(rows, examples.positions("count")).any()
    assert check_point_in_time(workspace).passed


def test_the_evaluation_measures_them_apart(answered: Answered) -> None:
    workspace, _ = answered
    report = EvaluationArtifact.current(workspace.store, "returns").report
    times = workspace.snapshot().times
    tests = len(times.split(CLINIC.horizon, "returns").test)
    assert report["cold start: rows"] == tests * PEOPLE_UNSEEN
    assert report["has history: rows"] + report["cold start: rows"] == report["test rows"]
    assert report["cold start: brier"] < 0.01
    assert "cold start: auroc" not in report  # they have one answer only
    assert 0.5 < report["has history: auroc"] < report[f"{report['shipped']}: auroc"]


def test_their_number_is_told_where_they_are_answered(answered: Answered) -> None:
    workspace, _ = answered
    with duckdb.connect(str(workspace.settings.warehouse_path)) as connection:
        connection.execute("delete from basemodel.ledger")
    report = score(workspace, ["returns"], CLINIC.cutoffs[-1], "again")["returns"]
    assert report.metrics["without_history"] == PEOPLE_UNSEEN
    assert report.metrics["entities"] == PEOPLE_UNSEEN + PATIENTS
