"""Which heads answer a task with one answer: weighed by several moments, calibrated by them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.tasks.blending import FADE, Trial, blend, blend_weights, trial_weights
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration
from basemodel_ops.tasks.comparison import mean_metrics
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.heads import Head
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import Metrics, metric_of
from basemodel_ops.tasks.recency import HALF_LIFE, newer_teach_more, recency_weights
from basemodel_ops.tasks.rolling_origins import ORIGINS, rolling_origins
from basemodel_ops.tasks.single import NUMBERS, Mixture, fit_heads, predictions_of, recipes_of
from basemodel_ops.tasks.split import DAY

EARLIER = 3
"""Earlier moments learn from as many times fewer numbers than the newest."""

LEAST_VALIDATED = 2_000
"""Rows of training and of validation from which on it is asked whether newer rows teach more."""

MIXTURE = "mixture"
"""Name, among the heads that a report shows, of what ships where it is of several."""

REPORTED = ("zero-shot", "linear", "baseline")
"""Heads that are fitted anew for the report, beside those that ship."""


@dataclass(frozen=True)
class Selection:
    """What ships, fitted anew, its name, and the metrics of it and of every head over the moments."""

    name: str
    selected: Mixture
    metrics: Metrics
    test: Trial
    """What it and the reported heads answer to the rows that were `test_rows`."""
    trials: Sequence[Trial]
    """The moments at which they were compared, the newest first."""
    fade: float
    """Weight of a moment beside the next newer one."""
    row_indices: Sequence[np.ndarray]
    """Positions of the rows of each moment."""

    def instead(self, head: str) -> "Selection":
        """That one of the reported heads ships, calibrated."""
        if head == self.name:
            return self
        rest = {name: prediction for name, prediction in self.test.predictions.items() if name != self.name}
        kind = self.selected.kind
        selected = Mixture(kind, {head: 1.0}, {}, calibrated(kind, self.trials, head, self.fade))
        predictions = {**rest, head: selected.blend(rest)}
        return replace(self, name=head, selected=selected, test=replace(self.test, predictions=predictions))

    def interval(self, task: Task) -> Interval | None:
        """The bounds that the task asks for beside what ships; None where it asks for none."""
        target = np.concatenate([trial.target for trial in self.trials])
        return kind_of(task.type).interval(task, [trial.predictions[self.name] for trial in self.trials], target)


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows of a task of one answer with their parts, and what heads read of them."""

    task: Task
    rows: TaskRows
    feature_sets: FeatureSets
    target: np.ndarray  # (rows,)
    entity_index: np.ndarray  # (rows,) whose rows these are

    @property
    def half_life(self) -> float | None:
        """Days by which older rows teach half as much; None where all teach alike."""
        horizon = self.task.horizon
        return None if self.feature_sets.recency is None or horizon is None else HALF_LIFE * horizon

    def known_until(self, indices: np.ndarray, timestamp: int) -> np.ndarray:
        """Targets of the rows at `indices` as they were known at a moment, microseconds; (indices,)."""
        age = (timestamp - self.rows.cutoff[indices]) / DAY
        return kind_of(self.task.type).known_by(self.task, self.target[indices], age)

    def trial(self, heads: Mapping[str, Head], indices: np.ndarray, target: np.ndarray) -> Trial:
        """What heads answer to the rows at `indices`, and the targets that they are measured by."""
        sets = self.feature_sets.rows(indices)
        predictions = predictions_of(self.task.type, heads, sets)
        return Trial(predictions, target, self.entity_index[indices], sets.weight)


def aged(labelled: LabelledRows, seed: int) -> LabelledRows:
    """The same rows, of which newer ones teach more where validation rows are answered better for it.

    Not asked of traits and of rows at moments of their own, nor of fewer than `LEAST_VALIDATED` rows.
    """
    task, rows = labelled.task, labelled.rows
    train, validation = (np.flatnonzero(rows.part == part) for part in ("train", "validation"))
    if task.horizon is None or rows.known is not None or min(len(train), len(validation)) < LEAST_VALIDATED:
        return labelled
    weighed = replace(labelled.feature_sets, recency=recency_weights(rows.cutoff, task.horizon * DAY))
    begin, is_test = int(rows.cutoff[validation].min()), rows.part == "test"
    until = int(rows.cutoff[is_test].min())
    measured = weighed.rows(validation)
    later = Trial({}, labelled.known_until(validation, until), labelled.entity_index[validation], measured.weight)
    target = labelled.known_until(train, begin)
    metric = metric_of(task)
    if not newer_teach_more(task.type, metric, weighed.rows(train), target, measured, later, seed):
        return labelled
    return replace(labelled, feature_sets=weighed)


def select(
    labelled: LabelledRows,
    known: np.ndarray,
    test_rows: np.ndarray,
    seed: int,
    reported: Iterable[str] = REPORTED,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Selection:
    """Weigh the heads, and fit those that have a share and the `reported` on the `known` rows (positions).

    Heads learn what was known when the rows that measure them begin; they are weighed by what was known when the test
    begins.

    Args:
        labelled: The rows, and what is read of them.
        known: Positions of the rows that heads are fitted on in the end.
        test_rows: Positions of the rows that they then answer to.
        seed: Of all that is drawn.
        reported: Names of heads.
        progress: Is called with how often all heads were fitted, and how often they are going to be.
    """
    task, rows, feature_sets = labelled.task, labelled.rows, labelled.feature_sets
    kind, metric, test_from = task.type, metric_of(task), int(rows.cutoff[test_rows].min())
    trials: list[Trial] = []
    most, span = kind_of(kind).origins(labelled.target, ORIGINS), (task.horizon or 0) * DAY
    origins = rolling_origins(rows.cutoff, rows.part, task.horizon, span, seed, most, rows.known)
    for training_rows, measured in origins:
        numbers = NUMBERS // EARLIER if trials else NUMBERS
        targets = labelled.known_until(training_rows, int(rows.cutoff[measured].min()))
        heads = fit_heads(kind, feature_sets.rows(training_rows), targets, seed, None, metric, numbers)
        trials.append(labelled.trial(heads, measured, labelled.known_until(measured, test_from)))
        progress(len(trials), len(origins) + 1)
    # Moments of a trait are parts of the same rows: none is newer. Where labels are known when something happens, those
    # that take long are missing from the newest moment, so it is no better than earlier ones.
    labels, fade = int((rows.part == "train").sum()), 1.0 if task.horizon is None or task.known is not None else FADE
    weights = blend_weights(kind, metric, trials, labels, fade)
    name = MIXTURE if len(weights) > 1 else next(iter(weights))
    together = [
        replace(trial, predictions={**trial.predictions, name: blend(kind, weights, trial.predictions)})
        for trial in trials
    ]
    wanted = [head for head in feature_sets.heads_of(recipes_of(kind)) if head in {*weights, *reported}]
    heads = fit_heads(kind, feature_sets.rows(known), labelled.known_until(known, test_from), seed, wanted, metric)
    selected = Mixture(kind, weights, {head: heads[head] for head in weights}, calibrated(kind, together, name, fade))
    tested = labelled.trial(heads, test_rows, labelled.target[test_rows])
    tested.predictions[name] = selected.blend(tested.predictions)
    measured_rows = [measured for _, measured in origins]
    return Selection(name, selected, mean_metrics(kind, together), tested, together, fade, measured_rows)


def calibrated(
    kind: TaskType, trials: Sequence[Trial], name: str, fade: float = 1.0
) -> Calibration | ClassCalibration | None:
    """The calibration of the probabilities of that name, by all trials with their `trial_weights`; None of amounts."""
    weights = [np.ones(len(trial.target)) if trial.weight is None else trial.weight for trial in trials]
    shares = trial_weights(trials, fade)
    weight = np.concatenate(
        [share * trial_weight / trial_weight.sum() for share, trial_weight in zip(shares, weights, strict=True)]
    )
    weight *= len(weight) / weight.sum()
    target, entity = (np.concatenate([getattr(trial, part) for trial in trials]) for part in ("target", "entity_index"))
    return kind_of(kind).calibrate([trial.predictions[name] for trial in trials], target, weight, entity)
