"""One of several classes: the answer is the chance of each."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Task
from basemodel_ops.tasks.calibration import ClassCalibration
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.kinds.base import TaskKind, Weight, empty
from basemodel_ops.tasks.links import softmax_link
from basemodel_ops.tasks.losses import MixtureLoss, log_loss
from basemodel_ops.tasks.metrics import MULTICLASS
from basemodel_ops.tasks.separation import class_separations

MANY, FEWER = 50, 2
"""Classes from which on, each being a model of its own, heads are compared at fewer moments."""

DIGITS = 6
"""Of the chances of all classes."""

POOLED, MOST_INDICATORS = 30, 50_000_000
"""Classes from which on others' answers are told of each, for the head that pools these; and rows times classes up to
which they are: they are held in memory."""

MOST_OF_PEERS = 20
"""Classes, the most frequent, of which others' answers are averaged."""


class Multiclass(TaskKind):
    """Targets are numbers of classes, answers (rows, classes); classes that no row learnt from had are left out."""

    objective = "multiclass"
    measures = MULTICLASS
    has_many_outputs = True

    def read(self, task: Task, target: pa.ChunkedArray) -> tuple[np.ndarray, list[str] | None]:
        """Numbers of classes in the order of their names, and these."""
        if pc.any(pc.is_null(target, nan_is_null=True)).as_py():
            raise empty(task)
        texts = pc.cast(target, pa.string())
        names = sorted(pc.unique(texts).to_pylist())
        return np.asarray(pc.index_in(texts, value_set=pa.array(names))), names

    def separations(self, inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """By order, each class against all others."""
        return class_separations(inputs, target, np.unique(target))

    def average(self, target: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
        """The share of each class."""
        return tuple((np.bincount(target.astype(int), weight) / weight.sum()).tolist())

    def of_peers(self, target: np.ndarray) -> np.ndarray:
        """Whether it is each of the most frequent classes."""
        counts = np.bincount(target.astype(int))
        classes = np.sort(np.argsort(-counts, kind="stable")[:MOST_OF_PEERS])
        return target[:, None] == classes

    def by_class(self, target: np.ndarray) -> np.ndarray | None:
        """Of `POOLED` classes or more, as far as memory allows."""
        classes = self.outputs(target)
        if classes < POOLED or len(target) * classes > MOST_INDICATORS:
            return None
        return (target[:, None] == np.arange(classes)).astype(np.float32)

    def outputs(self, target: np.ndarray) -> int:
        """Classes."""
        return int(target.max()) + 1

    def fit_line(
        self, features: np.ndarray, target: np.ndarray, weight: Weight, strength: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights and bias of each class at its number; absent ones get no chance."""
        curve = self._curve(features, target, weight, strength)
        return _by_class(curve.classes_.astype(int), curve.coef_, np.asarray(curve.intercept_))

    def link(self, base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Chances of all classes."""
        return softmax_link(base, raw)

    def from_logits(self, logits: np.ndarray) -> np.ndarray:
        """Their softmax."""
        exponents = np.exp(logits - logits.max(1, keepdims=True))
        return exponents / exponents.sum(1, keepdims=True)

    def blend(self, predictions: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
        """The mean over as many classes as any head knows."""
        classes = max(prediction.shape[1] for prediction in predictions)
        return super().blend([_padded(prediction, classes) for prediction in predictions], shares)

    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """Log loss of the chance of the right class, which should be 1."""
        rows, right = np.arange(len(target)), target.astype(int)
        known = [right < prediction.shape[1] for prediction in predictions]
        chances = [
            np.where(there, prediction[rows, np.where(there, right, 0)], 0)
            for there, prediction in zip(known, predictions, strict=True)
        ]
        rates = np.bincount(right, weights=weight) / weight.sum()
        constant = -np.log(rates[right])
        return MixtureLoss(log_loss, np.stack(chances), np.ones(len(target)), weight / (weight @ constant))

    def origins(self, target: np.ndarray, most: int) -> int:
        """Fewer of many classes."""
        return FEWER if target.max() >= MANY else most

    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> ClassCalibration:
        """A power of the chances and a weight per class."""
        classes = max(int(target.max()) + 1, *(prediction.shape[1] for prediction in predictions))
        return ClassCalibration.fit(
            np.concatenate([_padded(answer, classes) for answer in predictions]), target, weight, entity
        )

    def columns(self, task: Task) -> list[pa.Field]:
        """The likeliest class and its chance, and the chances of all classes as a JSON object."""
        kinds = {"class": pa.string(), "probability": pa.float64(), "probabilities": pa.string()}
        return [pa.field(name, kind) for name, kind in kinds.items()]

    def cells(
        self, task: Task, prediction: np.ndarray, classes: list[str] | None, interval: Interval | None
    ) -> list[pa.Array]:
        """What stands in these columns."""
        names = classes or []
        likeliest = pa.array(names, pa.string()).take(pa.array(prediction.argmax(1)))
        every = [json.dumps(dict(zip(names, row, strict=True))) for row in _rounded(prediction, len(names)).tolist()]
        return [likeliest, pa.array(prediction.max(1)), pa.array(every, pa.string())]


def _rounded(prediction: np.ndarray, classes: int) -> np.ndarray:
    """Chances of all classes with `DIGITS` digits; none of those that heads learnt nothing of."""
    padded = _padded(prediction, classes)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.maximum(padded, 1e-300))))
    return np.round(padded * scale) / scale


def _padded(prediction: np.ndarray, classes: int) -> np.ndarray:
    return np.pad(prediction, ((0, 0), (0, classes - prediction.shape[1])))


def _by_class(classes: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, features) and bias (classes,) with each class at its number; absent ones get no chance."""
    if len(classes) == 2:
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    placed = np.zeros((classes.max() + 1, weights.shape[1]), weights.dtype)
    level = np.full(len(placed), -1e9)
    placed[classes], level[classes] = weights, bias
    return placed, level


KIND = Multiclass()
