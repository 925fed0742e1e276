"""Shares of heads in the answer of a task: convex, by later moments, drawn towards equal ones.

A mean of several is seldom far from the best, and with few rows to choose by the best looks better than it is: so
heads are weighted rather than chosen (stacking with convex weights; Breiman 1996, van der Laan et al. 2007).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.losses import MixtureLoss

PULL = 15.0
"""How strongly shares are drawn to those that they start from, over the rows that they are found by."""

FADE = 0.5
"""Weight of a moment beside the next newer one, by which more could be learnt from, and which is more like today."""

ENOUGH = 500
"""Rows by which a moment has half of its weight: what few rows say is noise."""

LOOKAHEAD_ROWS = 10_000
"""Rows of the newest moment by which earlier ones count half. The foundation model has learnt from what came after
them, so its answers look better there than they are; few rows need them all the same."""

LEAST_WEIGHT = 0.05
"""Heads of smaller shares are left out: they cost as much as others."""

FEWEST_LABELS, FEW_LABELS, MANY_LABELS = 200, 300, 5_000
"""Labels to learn from below which heads of items are left out, below which all boosted ones are, and from which on a
boosted one is thought as good as any other before it is tried."""

HEADS_WITH_FEWEST_LABELS, HEADS_WITH_FEW_LABELS = (
    ("zero-shot", "linear"),
    ("zero-shot", "linear", "bold linear", "tf-idf items", "linear items", "class rates"),
)


@dataclass(frozen=True)
class Trial:
    """What heads answered to rows later than those they had learnt from, in the target's own unit."""

    predictions: dict[str, np.ndarray]
    target: np.ndarray
    entity_index: np.ndarray
    """Whose rows these are, (rows,): those of one entity are alike."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks."""

    def take(self, rows: np.ndarray) -> "Trial":
        """The same of chosen rows (positions)."""
        predictions = {name: prediction[rows] for name, prediction in self.predictions.items()}
        weight = None if self.weight is None else self.weight[rows]
        return Trial(predictions, self.target[rows], self.entity_index[rows], weight)


def blend(kind: TaskType, weights: Mapping[str, float], predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weighted mean of answers; of amounts that of their logarithms, of classes over as many as any head knows."""
    return kind_of(kind).blend([predictions[name] for name in weights], list(weights.values()))


def trial_weights(trials: Sequence[Trial], fade: float = FADE) -> np.ndarray:
    """What each of some trials counts, the newest first: `fade` times the one before it, less of few rows; sum 1.

    Where moments fade, earlier ones count less the more rows the newest has: see `LOOKAHEAD_ROWS`.
    """
    rows = np.array([len(trial.target) for trial in trials])
    weights = fade ** np.arange(len(rows)) * rows / (rows + ENOUGH)
    if fade < 1:
        weights[1:] *= LOOKAHEAD_ROWS / (LOOKAHEAD_ROWS + rows[0])
    return weights / weights.sum()


def blend_weights(
    kind: TaskType, metric: str, trials: Sequence[Trial], labels: int = MANY_LABELS, fade: float = FADE
) -> dict[str, float]:
    """The share of each head that has one, which sum to 1 up to rounding.

    The loss is the squared or absolute error, or the log loss, as the metric asks, as a part of that of a constant,
    plus `PULL` over all rows times the squared distance to equal shares; of few labels to smaller ones of boosted
    heads.

    Args:
        kind: Of the task.
        metric: That the task is measured by.
        trials: The newest first, of the same heads.
        labels: Rows that heads learn from.
        fade: Weight of each trial beside the one before it; see `trial_weights`.
    """
    allowed = (
        HEADS_WITH_FEWEST_LABELS
        if labels < FEWEST_LABELS
        else HEADS_WITH_FEW_LABELS
        if labels < FEW_LABELS
        else tuple(trials[0].predictions)
    )
    names = [name for name in trials[0].predictions if name in allowed]
    compared = [trial for trial in trials if len(np.unique(trial.target)) > 1]
    if len(names) == 1 or not compared:
        return {names[0]: 1.0}  # nothing can be compared: the safest
    inputs = [_loss_inputs(kind, metric, names, trial) for trial in compared]
    faded = trial_weights(compared, fade)
    start = np.array([1.0 if name in HEADS_WITH_FEW_LABELS else min(labels / MANY_LABELS, 1.0) for name in names])
    start /= start.sum()
    pull = PULL / sum(len(trial.target) for trial in trials)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = pull * np.sum((weights - start) ** 2), 2 * pull * (weights - start)
        for part, mixture_loss in zip(faded, inputs, strict=True):
            part_value, part_slope = mixture_loss.loss(weights)
            value, slope = value + part * part_value, slope + part * part_slope
        return float(value), slope

    full = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like}
    optimum = minimize(loss, start, jac=True, method="SLSQP", bounds=[(0, 1)] * len(names), constraints=[full]).x
    kept = np.where(optimum >= min(LEAST_WEIGHT, optimum.max()), optimum, 0)
    # The last digits of a sum depend on where its numbers lie in memory; three of a share are enough.
    weights = {
        name: round(float(weight), 3) for name, weight in zip(names, kept / kept.sum(), strict=True) if weight > 0
    }
    return kind_of(kind).settle(weights, compared, faded)


def _loss_inputs(kind: TaskType, metric: str, names: list[str], trial: Trial) -> MixtureLoss:
    """What the loss reads of a trial."""
    target = trial.target.astype(float)
    weight = np.ones(len(target)) if trial.weight is None else trial.weight
    return kind_of(kind).loss(metric, [trial.predictions[name] for name in names], target, weight)
