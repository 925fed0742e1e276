"""How answers compare over several moments: metrics, and how sure a difference is."""

from collections.abc import Sequence

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import gain
from basemodel_ops.tasks.mixing import Trial

SAMPLES = 50

LOSS = 0.02
"""Of the metric, or of its value where that is above 1, that is not worth stopping the scores for."""


def is_worse(metric: str, value: float, baseline: float, noise: float) -> bool:
    """Whether a metric is below that of a baseline by more than `LOSS`, and than two standard errors explain."""
    return gain(metric, value) - gain(metric, baseline) < -max(LOSS * max(abs(baseline), 1), 2 * noise)


def mean_metrics(kind: TaskType, trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Metrics of every answer by name, the mean over the trials in which they can be measured."""
    found = {}
    for name in trials[0].answers:
        told = [kind_of(kind).metrics(trial.target, trial.answers[name], trial.weight) for trial in trials]
        found[name] = {key: _mean([one[key] for one in told]) for key in told[0]}
    return found


def difference_error(kind: TaskType, metric: str, trials: list[Trial], pair: tuple[str, str], seed: int) -> float:
    """Standard error of the mean difference of a metric between two candidates.

    A trial is drawn, and the entities in it: so what moves between moments counts as what moves between entities does.
    """
    measure = kind_of(kind).metrics
    generator = np.random.default_rng(seed)
    owned = [_rows_by_owner(trial.owner) for trial in trials]
    found = []
    for _ in range(SAMPLES):
        at = int(generator.integers(len(trials))) if len(trials) > 1 else 0
        trial, groups = trials[at], owned[at]
        rows = np.concatenate([groups[group] for group in generator.integers(0, len(groups), len(groups))])
        if len(np.unique(trial.target[rows])) > 1:
            own = None if trial.weight is None else trial.weight[rows]
            first, second = (measure(trial.target[rows], trial.answers[name][rows], own)[metric] for name in pair)
            found.append(first - second)
    return float(np.std(found)) / np.sqrt(len(trials)) if found else float("inf")


def _rows_by_owner(owner: np.ndarray) -> list[np.ndarray]:
    codes = np.unique(owner, return_inverse=True)[1]
    return np.split(np.argsort(codes, kind="stable"), np.flatnonzero(np.diff(np.sort(codes))) + 1)


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
