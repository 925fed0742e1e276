"""Answers without a label, from the checkpoint of a run that is done."""

import io

import numpy as np
import pytest
from rich.console import Console

from basemodel_ops.errors import SettingsError
from dagster_project.cli.execution import answer_without_labels

from .conftest import Run

NEWEST = """
    select patient from basemodel.returns_14d_scores
    where as_of = (select max(as_of) from basemodel.returns_14d_scores) order by 1
"""
ANSWERS = "select patient, score from basemodel.returns_14d_zero_shot order by patient"


def test_the_checkpoint_answers_without_a_label_and_scores_stay_as_they_are(visits: Run) -> None:
    scores = visits.rows("select * from basemodel.returns_14d_scores order by all")
    out = io.StringIO()
    answer_without_labels(visits.settings, "returns_14d", None, Console(file=out, width=200))
    answers = visits.rows(ANSWERS)
    assert str(len(answers)) in out.getvalue()
    assert [(key,) for key, _ in answers] == visits.rows(NEWEST)
    chance = np.array([score for _, score in answers])
    assert ((chance > 0) & (chance < 1)).all()
    assert len(np.unique(chance.round(4))) > 10
    assert visits.rows("select * from basemodel.returns_14d_scores order by all") == scores
    answer_without_labels(visits.settings, "returns_14d", None, Console(file=out, width=200))
    assert visits.rows(ANSWERS) == answers


def test_an_unknown_task_is_named_with_those_that_exist(visits: Run) -> None:
    with pytest.raises(SettingsError, match=r"No task gone\. There are: returns_14d\."):
        answer_without_labels(visits.settings, "gone", None, Console(file=io.StringIO()))
