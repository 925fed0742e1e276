"""Which heads answer a task with one answer: weighed by several moments, calibrated by them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.stages.snapshot.task_rows import Metrics, Rows, known_from
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration
from basemodel_ops.tasks.comparing import mean_metrics
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import metric_of
from basemodel_ops.tasks.mixing import FADE, Trial, mixed, shares_of
from basemodel_ops.tasks.moments import MOMENTS, moments
from basemodel_ops.tasks.peers import Peers, outputs_of, peer_values
from basemodel_ops.tasks.single import NUMBERS, Mixture, Views, answers_of, fit_heads
from basemodel_ops.tasks.split import DAY

EARLIER = 3
"""Earlier moments learn from as many times fewer numbers than the newest."""

FADING = 7
"""Days that stand for the horizon in how fast answers of peers fade, where labels are known at a moment: the usual wait
for the next event may be a minute, and what became of peers still holds for weeks."""

MIXTURE = "mixture"
"""Name, among the heads that a report shows, of what ships where it is of several."""

REPORTED = ("zero-shot", "linear", "baseline")
"""Heads that are fitted anew for the report, beside those that ship."""


@dataclass(frozen=True)
class Selection:
    """What ships, fitted anew, its name, and the metrics of it and of every head over the moments."""

    name: str
    shipped: Mixture
    metrics: Metrics
    test: Trial
    """What it and the reported heads answer to the rows that were `asked`."""
    trials: Sequence[Trial]
    """The moments at which they were compared, the newest first."""
    fade: float
    """Weight of a moment beside the next newer one."""

    def instead(self, head: str) -> "Selection":
        """That one of the reported heads ships, calibrated."""
        rest = {name: answer for name, answer in self.test.answers.items() if name != self.name}
        kind = self.shipped.kind
        shipped = Mixture(kind, {head: 1.0}, {}, calibrated(kind, self.trials, head, self.fade))
        answers = {**rest, head: shipped.answer(rest)}
        return replace(self, name=head, shipped=shipped, test=replace(self.test, answers=answers))

    def interval(self, task: Task) -> Interval | None:
        """The bounds that the task asks for beside what ships; None where it asks for none."""
        target = np.concatenate([trial.target for trial in self.trials])
        return kind_of(task.type).interval(task, [trial.answers[self.name] for trial in self.trials], target)


def tell_of_peers(
    task: Task, rows: Rows, keys: np.ndarray, target: np.ndarray, labelled: np.ndarray | None = None
) -> tuple[np.ndarray, Peers]:
    """What was known of peers of each row, and what is known now, by all answers or by those of `labelled` (rows,)."""
    weight = rows.weight
    if labelled is not None:
        weight = labelled * (1.0 if weight is None else weight)
    outputs = outputs_of(task.type, target)
    horizon = FADING if task.known is not None else task.horizon or 0
    return peer_values(keys, outputs, rows.cutoff, known_from(rows), horizon, weight, rows.known)


def known_targets(task: Task, rows: Rows, target: np.ndarray, places: np.ndarray, moment: int) -> np.ndarray:
    """Targets of the rows at `places` as they were known at a moment, microseconds; (places,)."""
    return kind_of(task.type).known_by(task, target[places], (moment - rows.cutoff[places]) / DAY)


def select(
    task: Task, rows: Rows, views: Views, target: np.ndarray, owner: np.ndarray, known: np.ndarray, asked: np.ndarray,
    seed: int, reported: Iterable[str] = REPORTED,
) -> Selection:  # fmt: skip
    """Weigh the heads, and fit those that have a share and the `reported` on the `known` rows (positions).

    Heads learn what was known when the rows that measure them begin; they are weighed by what was known when the test
    begins.

    Args:
        task: Of one answer.
        rows: Labelled rows with their parts.
        views: Of the rows.
        target: (rows,)
        owner: Whose rows these are, (rows,).
        known: Positions of the rows that heads are fitted on in the end.
        asked: Positions of the rows that they then answer to.
        seed: Of all that is drawn.
        reported: Names of heads.
    """
    kind, metric, test_from = task.type, metric_of(task), int(rows.cutoff[asked].min())

    def told(places: np.ndarray, moment: int) -> np.ndarray:
        return known_targets(task, rows, target, places, moment)

    trials: list[Trial] = []
    most, span = kind_of(kind).moments(target, MOMENTS), (task.horizon or 0) * DAY
    for learnt, measured in moments(rows.cutoff, rows.part, task.horizon, span, seed, most, rows.known):
        numbers = NUMBERS // EARLIER if trials else NUMBERS
        own = told(learnt, int(rows.cutoff[measured].min()))
        heads = fit_heads(kind, views.rows(learnt), own, seed, None, metric, numbers)
        later = views.rows(measured)
        answers, own = answers_of(kind, heads, later), told(measured, test_from)
        trials.append(Trial(answers, own, owner[measured], later.weight))
    # Moments of a trait are parts of the same rows: none is newer.
    labels, fade = int((rows.part == "train").sum()), 1.0 if task.horizon is None else FADE
    shares = shares_of(kind, metric, trials, labels, fade)
    name = MIXTURE if len(shares) > 1 else next(iter(shares))
    together = [replace(one, answers={**one.answers, name: mixed(kind, shares, one.answers)}) for one in trials]
    wanted = [head for head in views.heads if head in {*shares, *reported}]
    heads = fit_heads(kind, views.rows(known), told(known, test_from), seed, wanted, metric)
    shipped = Mixture(kind, shares, {head: heads[head] for head in shares}, calibrated(kind, together, name, fade))
    later = views.rows(asked)
    answers = answers_of(kind, heads, later)
    answers |= {name: shipped.answer(answers)}
    tested = Trial(answers, target[asked], owner[asked], later.weight)
    return Selection(name, shipped, mean_metrics(kind, together), tested, together, fade)


def calibrated(
    kind: TaskType, trials: Sequence[Trial], name: str, fade: float = 1.0
) -> Calibration | ClassCalibration | None:
    """The calibration of the probabilities of that name, by all trials, each of `fade` times the weight of the newer
    one; None of amounts."""
    weights = [np.ones(len(trial.target)) if trial.weight is None else trial.weight for trial in trials]
    weight = np.concatenate([fade**n * own / own.sum() for n, own in enumerate(weights)])
    weight *= len(weight) / weight.sum()
    target = np.concatenate([trial.target for trial in trials])
    return kind_of(kind).calibrate([trial.answers[name] for trial in trials], target, weight)
