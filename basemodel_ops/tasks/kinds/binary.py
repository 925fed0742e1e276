"""Yes or no: the target is 0 or 1, the answer the chance of 1."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.kinds.base import TaskKind, Weight, named
from basemodel_ops.tasks.losses import Told, log_loss
from basemodel_ops.tasks.metrics import binary_metrics
from basemodel_ops.tasks.scarcity import scarcity


class Binary(TaskKind):
    """Answers are chances of a yes."""

    def read(self, task: Task, target: pa.ChunkedArray) -> tuple[np.ndarray, list[str] | None]:
        """Zeros and ones."""
        values, _ = super().read(task, target)
        found = np.unique(values)
        if len(found) and not np.isin(found, (0, 1)).all():
            other = found[~np.isin(found, (0, 1))][0]
            raise DataError(
                f"{named(task)} is {other:g} in some rows; a binary task answers 0 or 1. Ask for `regression`?"
            )
        return values, None

    def warning(self, task: str, target: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
        """That few rows have the rarer answer."""
        return scarcity(task, target, parts)

    def loss(self, metric: str, answers: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray) -> Told:
        """Log loss."""
        rate = np.average(target, weights=weight)
        constant = -(target * np.log(rate) + (1 - target) * np.log(1 - rate))
        return Told(log_loss, np.stack(answers), target, weight / (weight @ constant))

    def calibrate(self, answers: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray) -> Calibration:
        """A rising map of the chance."""
        return Calibration.fit(np.concatenate(answers), target, weight)

    def metrics(self, target: np.ndarray, answer: np.ndarray, weight: Weight = None) -> dict[str, float]:
        """AUROC, average precision, Brier score and log loss."""
        return binary_metrics(target, answer, weight)

    def columns(self, task: Task) -> list[pa.Field]:
        """The chance."""
        return [pa.field("score", pa.float64())]


KIND = Binary()
