"""Which candidate ships: by several moments, each later than all that the candidates had learnt from."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration
from basemodel_ops.tasks.metrics import METRICS, gain

MOMENTS = 3
"""Moments that candidates are compared at, at most: validation, and earlier ones within the training rows."""

LEAST_SHARE = 1 / 3
"""Of the training rows, at least what is learnt from at each moment."""

LEARNT, MEASURED = 40_000, 10_000
"""Rows that are learnt from and measured at an earlier moment, at most."""

SAMPLES = 50

FEWEST, FEW, MANY = 200, 2000, 20_000
"""Labels below which items are not read; below which only the candidates of `SAFE` may ship; and from which on the
steady are boosted on both sides."""

SAFE = ("zero-shot", "zero-shot + linear", "linear", "zero-shot + linear items", "linear items")
CAUTIOUS = (
    "zero-shot + boosted", "linear + boosted", "linear + boosted items", "boosted items + sharp items", "all of items"
)  # fmt: skip
STEADY = ("baseline + boosted", "boosted + boosted items", "boosted items + sharp items", "all of items")
"""What ships with few, some and many labels where it is about as good as the best: that is the luckiest too."""


@dataclass(frozen=True)
class Trial:
    """What candidates answered to rows later than those they had learnt from."""

    answers: dict[str, np.ndarray]
    target: np.ndarray
    owner: np.ndarray
    """Whose rows these are, (rows,): those of one entity are alike."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks."""


def moments(
    cutoff: np.ndarray, part: np.ndarray, horizon: int | None, span: int, seed: int, most: int = MOMENTS
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and rows to measure by, per moment, the newest first.

    The first are the parts themselves. Each of the others is measured at as many cutoffs as validation has, a horizon
    before the moment after it, and learns from what was known when these begin. Traits do not move in time: their other
    moments are random parts of the same sizes.

    Args:
        cutoff: (rows,), in the unit of `span`.
        part: (rows,) "train", "validation" or another.
        horizon: Of the task; None of a trait.
        span: The horizon in the unit of the cutoffs.
        seed: Of what is drawn.
        most: Moments, at most.
    """
    train, validation = np.flatnonzero(part == "train"), np.flatnonzero(part == "validation")
    generator = np.random.default_rng((seed, 4))
    found = [(train, validation)]
    if horizon is None:
        both = np.concatenate([train, validation])
        for _ in range(most - 1):
            mixed = generator.permutation(both)
            found.append((np.sort(mixed[len(validation) :]), np.sort(mixed[: len(validation)])))
        return found
    width, begin = len(np.unique(cutoff[validation])), cutoff[validation].min()
    while len(found) < most:
        before = np.unique(cutoff[train][cutoff[train] + span <= begin])[-width:]
        past = train[cutoff[train] + span <= before[0]] if len(before) else train[:0]
        if len(past) < max(LEAST_SHARE * len(train), 1):
            break
        measured, begin = train[np.isin(cutoff[train], before)], before[0]
        found.append((_some(past, LEARNT, generator), _some(measured, MEASURED, generator)))
    return found


def _some(rows: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


def choose(
    kind: TaskType, metric: str, trials: list[Trial], labels: int = FEW, seed: int = 0
) -> tuple[str, dict[str, dict[str, float]]]:
    """Name of the candidate that ships, and the metrics of all, the mean over trials.

    The better of `CAUTIOUS`, or `STEADY` from `MANY` labels to learn from on, ships if it is within a standard error of
    the best; else the best. Below `FEW` the first of `SAFE` that is about as good as the best of these.
    """
    names = list(trials[0].answers)
    measured = {
        name: [METRICS[kind](trial.target, trial.answers[name], trial.weight) for trial in trials] for name in names
    }
    metrics = {name: {key: _mean([one[key] for one in found]) for key in found[0]} for name, found in measured.items()}
    worth = {name: gain(metric, values[metric]) for name, values in metrics.items()}
    if not np.isfinite(list(worth.values())).any():
        return names[0], metrics  # nothing can be said: the safest
    wanted = SAFE if labels < FEW else CAUTIOUS if labels < MANY else STEADY
    preferred = [name for name in wanted if name in names and (labels >= FEWEST or "items" not in name)]
    if labels >= FEW:
        preferred.sort(key=lambda name: -worth[name])
    best = max(preferred if labels < FEW and preferred else names, key=lambda name: worth[name])
    for name in preferred:
        if worth[best] - worth[name] <= difference_error(kind, metric, trials, (best, name), seed):
            return name, metrics
    return best, metrics


def calibrated(kind: TaskType, trials: list[Trial], name: str) -> Calibration | ClassCalibration | None:
    """The calibration of a candidate's probabilities, by all trials; None of amounts."""
    if kind is TaskType.REGRESSION:
        return None
    weights = [np.ones(len(trial.target)) if trial.weight is None else trial.weight for trial in trials]
    target, weight = np.concatenate([trial.target for trial in trials]), np.concatenate(weights)
    answers = [trial.answers[name] for trial in trials]
    if kind is TaskType.BINARY:
        return Calibration.fit(np.concatenate(answers), target, weight)
    classes = max(int(target.max()) + 1, *(answer.shape[1] for answer in answers))
    wide = [np.pad(answer, ((0, 0), (0, classes - answer.shape[1]))) for answer in answers]
    return ClassCalibration.fit(np.concatenate(wide), target, weight)


def difference_error(kind: TaskType, metric: str, trials: list[Trial], pair: tuple[str, str], seed: int) -> float:
    """Standard error of the mean difference of a metric between two candidates.

    A trial is drawn, and the entities in it: so what moves between moments counts as what moves between entities does.
    """
    measure = METRICS[kind]
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
