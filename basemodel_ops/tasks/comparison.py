"""How answers compare over several moments: metrics, and how sure a difference is."""

from collections.abc import Sequence

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.blending import Trial
from basemodel_ops.tasks.draws import EntityDraws
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import Metrics, gain

SAMPLES = 50

LOSS = 0.02
"""Of the metric, or of its value where that is above 1, that is not worth stopping the scores for."""


def allowed_loss(baseline: float) -> float:
    """How far below a baseline's metric is not worth stopping the scores for."""
    return LOSS * max(abs(baseline), 1)


def is_worse(metric: str, value: float, baseline: float, standard_error: float) -> bool:
    """Whether a metric is below that of a baseline by more than `LOSS`, and than two standard errors explain."""
    return gain(metric, value) - gain(metric, baseline) < -max(allowed_loss(baseline), 2 * standard_error)


def mean_metrics(kind: TaskType, trials: Sequence[Trial]) -> Metrics:
    """Metrics of every answer by name, the mean over the trials in which they can be measured."""
    results = {}
    for name in trials[0].predictions:
        measured = [kind_of(kind).metrics(trial.target, trial.predictions[name], trial.weight) for trial in trials]
        results[name] = {key: _mean([entry[key] for entry in measured]) for key in measured[0]}
    return results


def difference_error(kind: TaskType, metric: str, trials: list[Trial], pair: tuple[str, str], seed: int) -> float:
    """Standard error of the mean difference of a metric between two candidates.

    A trial is drawn, and the entities in it: so what moves between moments counts as what moves between entities does.
    Draws in which the metric cannot be measured are left out.
    """
    measure = kind_of(kind).measures[metric]
    generator = np.random.default_rng(seed)
    entities = [EntityDraws(trial.entity_index) for trial in trials]
    results = []
    for _ in range(SAMPLES):
        at = int(generator.integers(len(trials))) if len(trials) > 1 else 0
        trial, rows = trials[at], entities[at].rows(generator)
        if len(np.unique(trial.target[rows])) > 1:
            weight = None if trial.weight is None else trial.weight[rows]
            first, second = (measure(trial.target[rows], trial.predictions[name][rows], weight) for name in pair)
            results.append(first - second)
    known = [difference for difference in results if np.isfinite(difference)]
    return float(np.std(known)) / np.sqrt(len(trials)) if known else float("inf")


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
