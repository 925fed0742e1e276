"""How well heads answer a task when they learn from a share of its labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.single import fit_heads, predictions_of

SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Of the entities with labels; those of each share are among those of the next."""

ON_AGGREGATES = "linear on aggregates"
"""The head `linear` where it reads what the baseline does, not what the foundation model makes of it."""

HEADS = ("linear", ON_AGGREGATES, "baseline")
"""What is compared: the learner that ships where labels are few, with and without the foundation model, and the
baseline."""

LEAST = 20
"""Entities to learn from, at least."""


@dataclass(frozen=True)
class LabelEfficiency:
    """A metric of rows that nothing was learnt from, by how many entities were learnt from."""

    metric: str
    shares: Sequence[float]
    entities: Sequence[int]
    values: Mapping[str, Sequence[float | None]]
    """Of each head, (shares,); None where it cannot be measured."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form."""
        return asdict(self)


def label_efficiency(
    kind: TaskType, metric: str, known: FeatureSets, target: np.ndarray, entity_index: np.ndarray, draws: np.ndarray,
    test: FeatureSets, measure: Callable[[np.ndarray], float], seed: int, of_all: Mapping[str, np.ndarray],
) -> LabelEfficiency | None:  # fmt: skip
    """The metric of each of `HEADS`, fitted on the entities of each of `SHARES`; None below two points.

    Args:
        kind: Of a task with one answer.
        metric: What heads are fitted for.
        known: The rows to learn from.
        target: Of these, (rows,).
        entity_index: Whose these are, (rows,).
        draws: A number in [0, 1) of each of these, the same for all rows of an entity, (rows,).
        test: The rows to answer.
        measure: The metric of answers to these.
        seed: Of the heads.
        of_all: Answers by heads that learnt from all rows, as far as they are there already.
    """
    points: dict[float, tuple[int, list[float]]] = {}
    for share in SHARES:
        rows = np.flatnonzero(draws < share)
        entities = len(np.unique(entity_index[rows]))
        if entities >= LEAST and len(np.unique(target[rows])) > 1:
            there, some = of_all if len(rows) == len(draws) else {}, known.rows(rows)
            answers = [
                there[name] if name in there else _answer(kind, metric, name, some, target[rows], test, seed)
                for name in HEADS
            ]
            points[share] = entities, [measure(answer) for answer in answers]
    if len(points) < 2:
        return None
    values = np.array([measured for _, measured in points.values()]).T
    by_head = {
        name: [value if np.isfinite(value) else None for value in of_head]
        for name, of_head in zip(HEADS, values.tolist(), strict=True)
    }
    return LabelEfficiency(metric, list(points), [entities for entities, _ in points.values()], by_head)


def _answer(
    kind: TaskType, metric: str, name: str, known: FeatureSets, target: np.ndarray, test: FeatureSets, seed: int
) -> np.ndarray:
    """What a head of `HEADS` answers to the rows `test`, fitted on `known` ones."""
    if name == ON_AGGREGATES:
        known, test = (replace(views, model_outputs=views.aggregates) for views in (known, test))
        name = "linear"
    return predictions_of(kind, fit_heads(kind, known, target, seed, [name], metric), test)[name]
