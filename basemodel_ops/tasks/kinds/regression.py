"""An amount, which is learnt as a logarithm."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from sklearn.linear_model import Ridge

from basemodel_ops.contract.types import Metric, Task
from basemodel_ops.encoders.numbers import signed_expm1, signed_log1p
from basemodel_ops.tasks.feature_sets import LEVELLED
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds.base import TaskKind, Weight
from basemodel_ops.tasks.links import identity_link
from basemodel_ops.tasks.losses import MixtureLoss, absolute, squared
from basemodel_ops.tasks.metrics import REGRESSION
from basemodel_ops.tasks.separation import rank_correlations


class Regression(TaskKind):
    """Answers are amounts in the target's own unit."""

    objective = "regression"
    recipes = LEVELLED
    measures = REGRESSION

    def separations(self, inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """By rank correlation."""
        return rank_correlations(inputs, target)

    def of_peers(self, target: np.ndarray) -> np.ndarray:
        """The logarithm."""
        return signed_log1p(target)

    def transform(self, target: np.ndarray) -> np.ndarray:
        """The logarithm."""
        return signed_log1p(target)

    def inverse_transform(self, prediction: np.ndarray) -> np.ndarray:
        """The amount of a logarithm."""
        return signed_expm1(prediction)

    def objective_for(self, metric: str) -> str | None:
        """The middle of the logarithms is that of the amounts; their mean is not."""
        return "regression_l1" if metric == Metric.MAE else None

    def fit_line(
        self, features: np.ndarray, target: np.ndarray, weight: Weight, strength: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ridge."""
        line = Ridge(alpha=100.0 / strength).fit(features, target, weight)
        return line.coef_.reshape(1, -1), np.atleast_1d(line.intercept_)

    def link(self, base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums are logarithms, and so are what is shared out."""
        return identity_link(base, raw)

    def from_logits(self, logits: np.ndarray) -> np.ndarray:
        """The logarithm itself."""
        return logits[:, 0]

    def blend(self, predictions: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
        """The mean of the logarithms."""
        return signed_expm1(
            np.average([signed_log1p(prediction) for prediction in predictions], axis=0, weights=shares)
        )

    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """The absolute error, or the squared one of logarithms."""
        logs = np.stack([signed_log1p(prediction) for prediction in predictions])
        if metric == Metric.MAE:
            return MixtureLoss(absolute, logs, target, weight / (weight @ np.abs(target - np.median(target))))
        target = signed_log1p(target)
        constant = (target - np.average(target, weights=weight)) ** 2
        return MixtureLoss(squared, logs, target, weight / (weight @ constant))

    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> None:
        """Amounts are no chances."""

    def interval(self, task: Task, predictions: Sequence[np.ndarray], target: np.ndarray) -> Interval | None:
        """Bounds of the `coverage` that the task asks for."""
        return None if task.coverage is None else Interval.fit(np.concatenate(predictions), target, task.coverage)

    def columns(self, task: Task) -> list[pa.Field]:
        """The amount, and its bounds where the task asks for any."""
        names = ("prediction",) if task.coverage is None else ("prediction", "lower", "upper")
        return [pa.field(name, pa.float64()) for name in names]

    def cells(
        self, task: Task, prediction: np.ndarray, classes: list[str] | None, interval: Interval | None
    ) -> list[pa.Array]:
        """What stands in these columns."""
        return [pa.array(answer) for answer in (prediction, *(interval.bounds(prediction) if interval else ()))]


KIND = Regression()
