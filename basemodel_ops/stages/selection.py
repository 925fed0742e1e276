"""The choice among candidates of a task with one answer: compared at several moments, calibrated by them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.stages.labels import Metrics, Rows, known_from
from basemodel_ops.tasks.choosing import MOMENTS, Trial, calibrated, choose, moments
from basemodel_ops.tasks.metrics import metric_of
from basemodel_ops.tasks.peers import Peers, outputs_of, peer_values
from basemodel_ops.tasks.single import NUMBERS, Fitted, Views, answers_of, fit_candidates
from basemodel_ops.tasks.split import DAY

TRIED = 2
"""Times as fast as what ships learns each candidate where they are compared: fewer, larger steps."""

EARLIER = 3
"""Earlier moments learn from as many times fewer numbers than the newest."""

MANY_CLASSES = 50
"""From so many classes on, each of which is a model of its own, fewer moments are compared."""


REPORTED = ("zero-shot", "linear", "baseline")
"""Fitted anew beside what ships, for the report."""


@dataclass(frozen=True)
class Selection:
    """What ships, the metrics of all candidates over the moments, and some with their calibration, fitted anew."""

    shipped: str
    metrics: Metrics
    candidates: dict[str, Fitted]


def tell_of_peers(
    task: Task, rows: Rows, keys: np.ndarray, target: np.ndarray, labelled: np.ndarray | None = None
) -> tuple[np.ndarray, Peers]:
    """What was known of peers of each row, and what is known now, by all answers or by those of `labelled` (rows,)."""
    weight = rows.weight
    if labelled is not None:
        weight = labelled * (1.0 if weight is None else weight)
    outputs = outputs_of(task.type, target)
    return peer_values(keys, outputs, rows.cutoff, known_from(rows), task.horizon or 0, weight)


def select(
    task: Task, rows: Rows, views: Views, target: np.ndarray, owner: np.ndarray, known: np.ndarray, seed: int,
    reported: Iterable[str] = REPORTED,
) -> Selection:  # fmt: skip
    """Compare the candidates, choose, and fit the chosen one and the `reported` on the `known` rows (positions).

    Args:
        task: Of one answer.
        rows: Labelled rows with their parts.
        views: Of the rows.
        target: (rows,)
        owner: Whose rows these are, (rows,).
        known: Positions of the rows that candidates are fitted on in the end.
        seed: Of all that is drawn.
        reported: Names of candidates.
    """
    kind, metric = task.type, metric_of(task)
    trials = []
    most = 2 if kind is TaskType.MULTICLASS and target.max() >= MANY_CLASSES else MOMENTS
    for learnt, measured in moments(rows.cutoff, rows.part, task.horizon, (task.horizon or 0) * DAY, seed, most):
        numbers = NUMBERS // EARLIER if trials else NUMBERS
        tried = fit_candidates(kind, views.rows(learnt), target[learnt], seed, None, metric, numbers, pace=TRIED)
        asked = views.rows(measured)
        trials.append(Trial(answers_of(tried, asked), target[measured], owner[measured], asked.weight))
    labels = int((rows.part == "train").sum())
    shipped, metrics = choose(kind, metric, trials, labels, seed)
    fitted = fit_candidates(kind, views.rows(known), target[known], seed, {shipped, *reported}, metric)
    fitted = {name: replace(one, calibration=calibrated(kind, trials, name)) for name, one in fitted.items()}
    return Selection(shipped, metrics, fitted)
