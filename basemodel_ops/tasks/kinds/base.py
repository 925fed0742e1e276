"""What a type of task with one answer is: how its target is read, learnt, mixed, calibrated, measured and written."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.linear_model import LogisticRegression

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.tasks.calibration import Calibration, ClassCalibration
from basemodel_ops.tasks.curves import Weight
from basemodel_ops.tasks.intervals import Interval
from basemodel_ops.tasks.links import logistic_link
from basemodel_ops.tasks.losses import MixtureLoss
from basemodel_ops.tasks.metrics import Measure
from basemodel_ops.tasks.separation import class_separations

HUGE = 1e15
"""Larger targets are overflows or sentinels, and would drown every scale."""


def named(task: Task) -> str:
    """The target of a task as an error calls it."""
    return f"Target {task.target} of {task.name}"


def empty(task: Task) -> DataError:
    """That a target is missing where there must be one."""
    return DataError(
        f"{named(task)} is null, not finite or beyond {HUGE:g} in rows whose window is complete. "
        "Return an answer for each, or say `null_target: leave_out` where some were never known, as of who left."
    )


class Learner(Protocol):
    """What a kind asks of a head."""

    def fit(self, features: np.ndarray, target: np.ndarray, weight: Weight = None) -> None:
        """Learn, in place."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers to rows."""
        ...


class FeatureView(Protocol):
    """What a kind asks of the features of rows (`tasks.single.FeatureSets`)."""

    def rows(self, chosen: np.ndarray) -> "FeatureView":
        """The chosen rows (positions)."""
        ...

    def columns_of(self, name: str) -> np.ndarray:
        """A view, (rows, features)."""
        ...


class TaskKind(ABC):
    """A type of task with one answer. What a kind does not say otherwise is as of a chance, of a yes or no."""

    measures: Mapping[str, Measure]
    """Its metrics by name."""
    objective = "binary"
    """Of boosting."""
    has_many_outputs = False
    """Whether a head answers several numbers, (rows, outputs)."""
    recipes: Mapping[str, tuple[str, str]] | None = None
    """Its candidates, as in `tasks.single.RECIPES`, where these are others."""

    def read(self, task: Task, target: pa.ChunkedArray) -> tuple[np.ndarray, list[str] | None]:
        """Targets as numbers (rows,), and the names of classes where there are any.

        Raises:
            DataError: a target is missing or is none of this kind.
        """
        about = named(task)
        try:
            values = pc.cast(target, pa.float64()).to_numpy()
        except pa.ArrowException:
            raise DataError(
                f"{about} is {target.type} and holds what is no number. Cast it in the model, or ask for `multiclass`."
            ) from None
        if not (np.abs(values) <= HUGE).all():
            raise empty(task)
        return values, None

    def head(self, recipe: str, make: Callable[[str, TaskType], Any], kind: TaskType) -> Any:
        """A head of a recipe for this `kind` of target, by what makes one of a recipe for a type of target."""
        return make(recipe, kind)

    def refusal(
        self, task: Task, features: FeatureView, names: Sequence[str], target: np.ndarray,
        parts: Mapping[str, np.ndarray], make: Callable[[], Any], seed: int,
    ) -> str:  # fmt: skip
        """Why nothing can be learnt of such targets, and the way out; empty where something can.

        Args:
            task: Whose they are.
            features: Of the rows.
            names: Of the columns of the view `history`.
            target: (rows,).
            parts: Positions of rows.
            make: A new boosted head of a chance.
            seed: Of what is drawn.
        """
        return ""

    def warning(self, task: str, target: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
        """What to know of a task with such targets in its parts (positions), in words; empty where nothing is."""
        return ""

    def separations(self, inputs: np.ndarray, target: np.ndarray) -> np.ndarray | None:
        """How well each input (rows, inputs) alone tells the target, (inputs,), 1 at most; None if none can."""
        return class_separations(inputs, target, [1])

    def average(self, target: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
        """The answer that is right on average."""
        return (float(np.average(target, weights=weight)),)

    def of_peers(self, target: np.ndarray) -> np.ndarray:
        """What is averaged of others' answers, (rows,) or (rows, outputs)."""
        return target

    def by_class(self, target: np.ndarray) -> np.ndarray | None:
        """Whether it is each of very many classes, float32 (rows, classes); None where there are none or few."""
        return None

    def known_by(self, task: Task, target: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Targets (rows,) as they were known so many days (rows,) after the cutoff, the horizon at least."""
        return target

    def transform(self, target: np.ndarray) -> np.ndarray:
        """The target as heads learn it."""
        return target

    def inverse_transform(self, prediction: np.ndarray) -> np.ndarray:
        """What a head answers, in the target's own unit."""
        return prediction

    def fit(self, head: Learner, features: np.ndarray, target: np.ndarray, weight: Weight) -> None:
        """Have a head learn targets (rows,) from (rows, features), in place."""
        head.fit(features, self.transform(target), weight)

    def predict(self, head: Learner, features: np.ndarray) -> np.ndarray:
        """What a head answers to (rows, features), in the target's own unit."""
        return self.inverse_transform(head.predict(features))

    def objective_for(self, metric: str) -> str | None:
        """Another objective of boosting that a metric asks for."""
        return None

    def outputs(self, target: np.ndarray) -> int:
        """How many numbers a boosted head answers, of targets to learn from."""
        return 1

    def fit_line(
        self, features: np.ndarray, target: np.ndarray, weight: Weight, strength: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (outputs, features) and bias (outputs,) of a linear head."""
        curve = self._curve(features, target, weight, strength)
        return curve.coef_, np.asarray(curve.intercept_)

    @staticmethod
    def _curve(features: np.ndarray, target: np.ndarray, weight: Weight, strength: float) -> LogisticRegression:
        return LogisticRegression(C=0.01 * strength, max_iter=400, tol=1e-3).fit(features, target, weight)

    def link(self, base: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What boosted models answer at their base, and mean slopes from there to `raw`, as `tasks.links` says."""
        return logistic_link(base, raw)

    def from_logits(self, logits: np.ndarray) -> np.ndarray:
        """What a linear head answers, (rows,) or (rows, outputs), from its logits (rows, outputs)."""
        return 1 / (1 + np.exp(-logits[:, 0]))

    def blend(self, predictions: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
        """The weighted mean of answers."""
        return np.average(predictions, axis=0, weights=shares)

    @abstractmethod
    def loss(
        self, metric: str, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray
    ) -> MixtureLoss:
        """What the loss of a mixture reads of the heads' answers."""

    def origins(self, target: np.ndarray, most: int) -> int:
        """At how many moments heads are compared, `most` at most."""
        return most

    @abstractmethod
    def calibrate(
        self, predictions: Sequence[np.ndarray], target: np.ndarray, weight: np.ndarray, entity: np.ndarray
    ) -> Calibration | ClassCalibration | None:
        """What answers are worth as chances, by those at several moments one after the other; None of amounts.

        Rows of one `entity` (rows,) are alike.
        """

    def metrics(self, target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> dict[str, float]:
        """Every metric of answers to rows, by name."""
        return {name: measure(target, prediction, weight) for name, measure in self.measures.items()}

    def settle(self, weights: Mapping[str, float], trials: Sequence[Any], faded: np.ndarray) -> dict[str, float]:
        """Shares of heads in the place of those that the loss found, by trials each of its weight `faded`."""
        return dict(weights)

    def bounds(
        self, target: np.ndarray, prediction: np.ndarray, entity_index: np.ndarray, weight: Weight, seed: int
    ) -> dict[str, float]:
        """Figures of what ships beside its metrics on the test, such as between which values one of them lies."""
        return {}

    def interval(self, task: Task, predictions: Sequence[np.ndarray], target: np.ndarray) -> Interval | None:
        """Bounds that the task asks for beside an answer, by those at several moments; None where it asks for none."""
        return None

    @abstractmethod
    def columns(self, task: Task) -> list[pa.Field]:
        """Columns of the score table beside the entity and the bookkeeping; the first is that of zero-shot answers."""

    def cells(
        self, task: Task, prediction: np.ndarray, classes: list[str] | None, interval: Interval | None
    ) -> list[pa.Array]:
        """What stands in these columns."""
        return [pa.array(prediction)]

    def labels(self, target: np.ndarray, recorded: pa.ChunkedArray | None) -> dict[str, pa.Array]:
        """The columns that tell the label of rows whose answers are kept, from targets and the recorded column."""
        return {"label": pa.array(target)}

    def recorded_target(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Targets as metrics read them, (rows,), of rows whose answers are kept: of the numbers among `labels`."""
        return columns["label"]

    def explained(self, task: Task, prediction: np.ndarray) -> np.ndarray:
        """What an explanation shares out, as it stands in the score table: (rows,), or (rows, classes)."""
        return prediction
