"""What moves the scores of a task at large: mean contributions by source, column and value."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from basemodel_ops.stages.explanations.aggregates import AggregateContributions
from basemodel_ops.stages.explanations.explaining import Explained

EVENTS, AGGREGATES, EVIDENCE = "events", "aggregates", "evidence"
"""Kinds of rows, each of which shares the same scores out in its own way."""

OTHERS = re.compile(r"\d+ other values")

Key = tuple[str, str, str, str]


class Importance:
    """Sums of contributions over entities, by kind, table, column and value."""

    def __init__(self) -> None:
        self._entities: dict[str, int] = defaultdict(int)
        self._sums: dict[Key, np.ndarray] = defaultdict(lambda: np.zeros(3))  # entities, sizes, values

    def _add(self, kind: str, shares: dict[Key, float]) -> None:
        self._entities[kind] += 1
        for key, value in shares.items():
            self._sums[key] += (1, abs(value), value)

    def add_events(self, explained: Explained) -> None:
        """The reasons of an entity, whose stretches of time count together."""
        shares: dict[Key, float] = defaultdict(float)
        for reason in explained.reasons:
            value = OTHERS.sub("other values", reason.about.value)
            shares[EVENTS, reason.about.table, reason.about.column, value] += reason.contribution
        self._add(EVENTS, shares)

    def add_aggregates(self, contributions: AggregateContributions, entity: int) -> None:
        """The aggregates of an entity."""
        shares: dict[Key, float] = defaultdict(float)
        for aggregate, value in zip(contributions.aggregates, contributions.contribution[entity].tolist(), strict=True):
            if value:
                shares[AGGREGATES, aggregate.table, aggregate.column, aggregate.words] += value
        self._add(AGGREGATES, shares)

    def add_evidence(self, table: str, column: str, shares: Mapping[str, float]) -> None:
        """What each kind of evidence adds to the first item of an entity."""
        self._add(EVIDENCE, {(EVIDENCE, table, column, kind): value for kind, value in shares.items()})

    def rows(self) -> Iterator[dict[str, object]]:
        """Rows of plain values: of each kind the largest first. Entities that a value says nothing of count as 0."""
        for kind, entities in self._entities.items():
            of_kind = [(key, sums) for key, sums in self._sums.items() if key[0] == kind]
            of_kind.sort(key=lambda entry: (-entry[1][1], entry[0]))
            for rank, ((_, table, column, value), (there, sizes, values)) in enumerate(of_kind, 1):
                yield {
                    "kind": kind, "rank": rank, "source_table": table or None, "column_name": column or None,
                    "column_value": value or None, "entities": int(there), "of_entities": entities,
                    "mean_absolute": sizes / entities, "mean": values / entities,
                }  # fmt: skip
