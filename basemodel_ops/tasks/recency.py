"""Rows that teach less the older they are, where later rows are answered better for it.

A company that grows is not what it was a year ago. Whether that matters is asked of validation rows by one quick head,
which learns once from rows that all teach alike and once from rows whose weight halves with age.
"""

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.blending import Trial
from basemodel_ops.tasks.comparison import difference_error
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import gain
from basemodel_ops.tasks.single import NUMBERS, QUICK, fit_heads, predictions_of, recipes_of

HALF_LIFE = 2.0
"""Horizons by which a row that is older teaches half as much."""

PROBE = "boosted"
"""The head that is asked."""

ERRORS = 2.0
"""Standard errors by which answers must be better for rows to teach by their age."""


def recency_weights(cutoff: np.ndarray, horizon: int) -> np.ndarray:
    """How much each row teaches beside the newest, (rows,); cutoffs (rows,) in the unit of the `horizon`."""
    return 0.5 ** ((cutoff.max() - cutoff) / (HALF_LIFE * horizon))


def newer_teach_more(
    kind: TaskType,
    metric: str,
    training: FeatureSets,
    target: np.ndarray,
    measured: FeatureSets,
    trial: Trial,
    seed: int,
) -> bool:
    """Whether later rows are answered better by a head to which newer rows teach more.

    Args:
        kind: Of the task.
        metric: That it is measured by.
        training: Views of the rows to learn from, with their `recency`.
        target: What was known of them, (rows,).
        measured: Views of later rows.
        trial: Their targets, entities and weights; answers are added.
        seed: Of the heads and of draws of entities.
    """
    if PROBE not in training.heads_of(recipes_of(kind)) or len(np.unique(trial.target)) < 2:
        return False
    values: dict[str, float] = {}
    for name, feature_sets in (("by age", training), ("alike", training.without_recency())):
        heads = fit_heads(kind, feature_sets, target, seed, [PROBE], metric, NUMBERS // QUICK)
        trial.predictions[name] = predictions_of(kind, heads, measured)[PROBE]
        values[name] = gain(metric, kind_of(kind).measures[metric](trial.target, trial.predictions[name], trial.weight))
    standard_error = difference_error(kind, metric, [trial], ("by age", "alike"), seed)
    return bool(values["by age"] - values["alike"] > ERRORS * standard_error)
