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
from basemodel_ops.tasks.losses import Told

PULL = 15.0
"""How strongly shares are drawn to equal ones, over the rows that they are found by."""

FADE = 0.5
"""Weight of a moment beside the next newer one, by which more could be learnt from, and which is more like today."""

LEAST_SHARE = 0.05
"""Heads of smaller shares are left out: they cost as much as others."""

FEWEST, FEW = 200, 2000
"""Labels to learn from below which heads of items are left out, and below which all boosted ones are."""

WITH_FEWEST, WITH_FEW = ("zero-shot", "linear"), ("zero-shot", "linear", "bold linear", "linear items")


@dataclass(frozen=True)
class Trial:
    """What heads answered to rows later than those they had learnt from, in the target's own unit."""

    answers: dict[str, np.ndarray]
    target: np.ndarray
    owner: np.ndarray
    """Whose rows these are, (rows,): those of one entity are alike."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks."""

    def some(self, rows: np.ndarray) -> "Trial":
        """The same of chosen rows (positions)."""
        answers = {name: answer[rows] for name, answer in self.answers.items()}
        weight = None if self.weight is None else self.weight[rows]
        return Trial(answers, self.target[rows], self.owner[rows], weight)


def mixed(kind: TaskType, shares: Mapping[str, float], answers: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weighted mean of answers; of amounts that of their logarithms, of classes over as many as any head knows."""
    return kind_of(kind).mix([answers[name] for name in shares], list(shares.values()))


def shares_of(
    kind: TaskType, metric: str, trials: Sequence[Trial], labels: int = FEW, fade: float = FADE
) -> dict[str, float]:
    """The share of each head that has one, which sum to 1 up to rounding.

    The loss is the squared or absolute error, or the log loss, as the metric asks, as a part of that of a constant,
    plus `PULL` over all rows times the squared distance to equal shares.

    Args:
        kind: Of the task.
        metric: That the task is measured by.
        trials: The newest first, of the same heads.
        labels: Rows that heads learn from.
        fade: Weight of each trial beside the one before it.
    """
    allowed = WITH_FEWEST if labels < FEWEST else WITH_FEW if labels < FEW else tuple(trials[0].answers)
    names = [name for name in trials[0].answers if name in allowed]
    if len(names) == 1 or all(len(np.unique(trial.target)) < 2 for trial in trials):
        return {names[0]: 1.0}  # nothing can be compared: the safest
    told = [_told(kind, metric, names, trial) for trial in trials if len(np.unique(trial.target)) > 1]
    faded = fade ** np.arange(len(told))
    faded, equal = faded / faded.sum(), np.full(len(names), 1 / len(names))
    pull = PULL / sum(len(trial.target) for trial in trials)

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = pull * np.sum((shares - equal) ** 2), 2 * pull * (shares - equal)
        for part, one in zip(faded, told, strict=True):
            own, own_slope = one.loss(shares)
            value, slope = value + part * own, slope + part * own_slope
        return float(value), slope

    whole = {"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": np.ones_like}
    found = minimize(loss, equal, jac=True, method="SLSQP", bounds=[(0, 1)] * len(names), constraints=[whole]).x
    kept = np.where(found >= min(LEAST_SHARE, found.max()), found, 0)
    # The last digits of a sum depend on where its numbers lie in memory; three of a share are enough.
    return {name: round(float(share), 3) for name, share in zip(names, kept / kept.sum(), strict=True) if share > 0}


def _told(kind: TaskType, metric: str, names: list[str], trial: Trial) -> Told:
    """What the loss reads of a trial."""
    target = trial.target.astype(float)
    weight = np.ones(len(target)) if trial.weight is None else trial.weight
    return kind_of(kind).loss(metric, [trial.answers[name] for name in names], target, weight)
