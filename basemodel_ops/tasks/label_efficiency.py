"""How well heads answer a task when they learn from a share of its labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

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
    metric: str, target: np.ndarray, entity_index: np.ndarray, draws: np.ndarray,
    measure: Callable[[str, np.ndarray], float],
) -> LabelEfficiency | None:  # fmt: skip
    """The metric of each of `HEADS`, fitted on the entities of each of `SHARES`; None below two points.

    Args:
        metric: What is measured.
        target: Of the rows to learn from, (rows,).
        entity_index: Whose these are, (rows,).
        draws: A number in [0, 1) of each of these, the same for all rows of an entity, (rows,).
        measure: The metric, on the test, of a head that learns from some rows (positions).
    """
    points: dict[float, tuple[int, list[float]]] = {}
    for share in SHARES:
        rows = np.flatnonzero(draws < share)
        entities = len(np.unique(entity_index[rows]))
        if entities >= LEAST and len(np.unique(target[rows])) > 1:
            points[share] = entities, [measure(name, rows) for name in HEADS]
    if len(points) < 2:
        return None
    values = np.array([measured for _, measured in points.values()]).T
    by_head = {
        name: [value if np.isfinite(value) else None for value in of_head]
        for name, of_head in zip(HEADS, values.tolist(), strict=True)
    }
    return LabelEfficiency(metric, list(points), [entities for entities, _ in points.values()], by_head)
