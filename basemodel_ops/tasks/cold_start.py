"""Entities without events before a cutoff: what they are told at least, and how well that is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import Metrics

FEW_ROWS = 20
"""Labelled rows without a history, below which what the model says of such rows is not trusted."""

COLD, WARM = "cold start", "has history"
"""Names of both groups of rows in a report."""


@dataclass(frozen=True)
class ColdStart:
    """What rows without a history are told where too few of them had a label: the answer that is right on average."""

    prediction: tuple[float, ...]
    """One number, or the chance of each class; none where the model itself answers."""

    @classmethod
    def of(cls, kind: TaskType, target: np.ndarray, is_warm: np.ndarray, weight: np.ndarray | None) -> "ColdStart":
        """From labelled rows: their answers, which of them have a history, and how many rows each speaks of."""
        if (~is_warm).sum() >= FEW_ROWS:
            return cls(())
        weights = np.ones(len(target)) if weight is None else weight
        return cls(kind_of(kind).average(target, weights))

    def applied(self, predictions: np.ndarray, is_warm: np.ndarray) -> np.ndarray:
        """Answers (rows,) or (rows, classes), with its own for rows that have no history."""
        if not self.prediction or is_warm.all():
            return predictions
        if predictions.ndim == 1:
            return np.where(is_warm, predictions, self.prediction[0])
        padded = np.zeros(predictions.shape[1])
        padded[: len(self.prediction)] = self.prediction[: len(padded)]
        return np.where(is_warm[:, None], predictions, padded)


def measure_by_history(is_warm: np.ndarray, measure: Callable[[np.ndarray], Mapping[str, float]]) -> Metrics:
    """Rows and metrics of those with a history and of those without; empty where all are of one kind.

    Args:
        is_warm: Whether each row has a history, (rows,).
        measure: The metrics of some rows (positions).
    """
    if is_warm.all() or not is_warm.any():
        return {}
    groups = {WARM: np.flatnonzero(is_warm), COLD: np.flatnonzero(~is_warm)}
    return {name: {"rows": float(len(rows)), **measure(rows)} for name, rows in groups.items()}


def report_by_history(apart: Mapping[str, Mapping[str, float]]) -> dict[str, float | int]:
    """What was measured apart as a report shows it, without what cannot be measured of so few rows."""
    return {
        f"{group}: {name}": int(value) if name == "rows" else round(value, 5)
        for group, values in apart.items()
        for name, value in values.items()
        if np.isfinite(value)
    }
