"""Yes or no: the target is 0 or 1, the answer the chance of 1."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.tasks.calibration import Calibration
from basemodel_ops.tasks.kinds.base import TaskKind, named
from basemodel_ops.tasks.losses import MixtureLoss, log_loss
from basemodel_ops.tasks.metrics import BINARY
from basemodel_ops.tasks.scarcity import scarcity


class Binary(TaskKind):
    """Answers are chances of a yes."""

    measures = BINARY

    def read(self, task: Task, target: pa.ChunkedArray) -> tuple[np.ndarray, list[str] | None]:
        """Zeros and ones."""
        values, _ = super().read(task, target)
        result = np.unique(values)
        if len(result) and not np.isin(result, (0, 1)).all():
            other = result[~np.isin(result, (0, 1))][0]
            raise DataError(
                f"{named(task)} is {other:g} in some rows; a binary task answers 0 or 1. Ask for `regression`?"
            )
        return values, None

    def warning(self, task: str, target: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
        """That few rows have the rarer answer."""
        return scarcity(task, target, parts)

    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """Log loss."""
        rate = np.average(target, weights=weight)
        constant = -(target * np.log(rate) + (1 - target) * np.log(1 - rate))
        return MixtureLoss(log_loss, np.stack(predictions), target, weight / (weight @ constant))

    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> Calibration:
        """A rising map of the chance."""
        return Calibration.fit(np.concatenate(predictions), target, weight, entity)

    def columns(self, task: Task) -> list[pa.Field]:
        """The chance."""
        return [pa.field("score", pa.float64())]


KIND = Binary()
