"""Heads of an effect, of heads that there are: a model of either arm, or one of the transformed outcome.

They learn targets of an outcome and a treatment (`tasks.uplift`) and answer the chances without and with it, (rows, 2).
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.uplift import Weight, chances_of, is_treated, outcome_of, transformed_outcome

FOLDS = 3
"""Of neighbouring rows, by which chances are cross-fitted: rows of an entity stand together."""

State = tuple[dict[str, np.ndarray], dict[str, str]]


class Part(Protocol):
    """A head as these are made of (`tasks.heads.Head`)."""

    def fit(self, features: np.ndarray, target: np.ndarray, weight: Weight = None) -> None:
        """Learn, in place."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Answers for the rows."""
        ...

    def state(self) -> State:
        """Arrays and texts."""
        ...

    def restore(self, state: State) -> Any:
        """Take over a saved state."""
        ...


Make = Callable[[TaskType], Part]
"""A new head of a recipe, for targets of a type."""


class Composite:
    """Several heads by name that are saved as one."""

    columns: np.ndarray | None = None

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self.parts = dict(parts)

    def state(self) -> State:
        """Arrays and texts of all parts."""
        arrays: dict[str, np.ndarray] = {}
        texts: dict[str, str] = {}
        for name, part in self.parts.items():
            more_arrays, more_texts = part.state()
            arrays |= {f"{name}.{key}": np.asarray(value) for key, value in more_arrays.items()}
            texts |= {f"{name}.{key}": value for key, value in more_texts.items()}
        return arrays, texts

    def restore(self, state: State) -> Self:
        """Take over a saved state."""
        for name, part in self.parts.items():
            arrays, texts = (
                {key.removeprefix(f"{name}."): value for key, value in entries.items() if key.startswith(f"{name}.")}
                for entries in state
            )
            part.restore((arrays, texts))  # type: ignore[arg-type]
        return self


class TwoModels(Composite):
    """A model of the outcome of the untreated, and one of the treated."""

    def __init__(self, make: Make) -> None:
        super().__init__({name: make(TaskType.BINARY) for name in ("without", "with")})

    def fit(self, features: np.ndarray, target: np.ndarray, weight: Weight = None) -> None:
        """Learn, in place."""
        for part, rows in zip(self.parts.values(), (~is_treated(target), is_treated(target)), strict=True):
            fit_chance(part, features, outcome_of(target), rows, weight)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The chances without and with the treatment, (rows, 2)."""
        return np.stack([part.predict(features) for part in self.parts.values()], axis=1)


class TransformedOutcome(Composite):
    """A model of the effect itself, by the chances of the treatment and of the outcome, which are cross-fitted."""

    def __init__(self, make: Make) -> None:
        binary, number = TaskType.BINARY, TaskType.REGRESSION
        super().__init__({"propensity": make(binary), "expected": make(binary), "effect": make(number)})
        self._make = make

    def fit(self, features: np.ndarray, target: np.ndarray, weight: Weight = None) -> None:
        """Learn, in place."""
        nuisances = {"propensity": is_treated(target).astype(float), "expected": outcome_of(target)}
        unseen = {name: np.zeros(len(target)) for name in nuisances}
        every = np.ones(len(target), bool)
        for fold in np.array_split(np.arange(len(target)), FOLDS):
            others = every.copy()
            others[fold] = False
            for name, values in nuisances.items():
                part = self._make(TaskType.BINARY)
                fit_chance(part, features, values, others, weight)
                unseen[name][fold] = part.predict(features[fold])
        for name, values in nuisances.items():
            fit_chance(self.parts[name], features, values, every, weight)
        self.parts["effect"].fit(features, transformed_outcome(target, **unseen), weight)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The chances without and with the treatment, (rows, 2)."""
        predictions = {name: part.predict(features) for name, part in self.parts.items()}
        return chances_of(**predictions)


def fit_chance(head: Part, features: np.ndarray, yes: np.ndarray, rows: np.ndarray, weight: Weight) -> None:
    """Have a head learn a chance from some rows, bool (rows,).

    Where these are all of one answer, a row of the mean features says each, so that there is something to tell apart.
    """
    values, labels = features[rows], yes[rows]
    weights = None if weight is None else weight[rows]
    if len(np.unique(labels)) < 2:
        mean = features.mean(axis=0, keepdims=True, dtype=np.float64).astype(features.dtype)
        values, labels = np.vstack([values, mean, mean]), np.append(labels, [0.0, 1.0])
        weights = None if weights is None else np.append(weights, [1.0, 1.0])
    head.fit(values, labels, weights)
