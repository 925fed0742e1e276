"""What the aggregates of an entity add to its score, by the trees that read them, and how scores move along each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages.explanations.published import REST
from basemodel_ops.stages.explanations.wording import PEERS, Aggregate, Wording
from basemodel_ops.stages.features.rows import Represented, RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import SingleQuestion
from basemodel_ops.stages.tasks.difference_features import rate_features
from basemodel_ops.stages.tasks.feature_sets import (
    aggregate_positions,
    difference_features_of,
    item_positions,
    predicted_positions,
)
from basemodel_ops.tasks.attribution import PARTS, attributed
from basemodel_ops.tasks.feature_sets import FeatureSets

TOP = 5
"""Aggregates of an entity that are told one by one."""

SHOWN = 20
"""Aggregates along which it is told how scores move: those that move them most."""

BINS, MEMBERS = 5, 10
"""Bins of an aggregate, at most, and entities in each, at least."""


@dataclass(frozen=True)
class AggregateContributions:
    """What aggregates add to the scores of entities; a row of `contribution` sums to `score - expected_score`."""

    aggregates: list[Aggregate]
    contribution: np.ndarray  # (entities, aggregates)
    value: np.ndarray  # (entities, aggregates) in the unit of the words; not-a-number where there is none to tell
    score: np.ndarray  # (entities,)
    expected_score: np.ndarray
    """The score were trees to say what they say on average, (entities,)."""

    @property
    def typical(self) -> np.ndarray:
        """The middle value of each aggregate, which some entity has, (aggregates,)."""
        return np.quantile(self.value, 0.5, axis=0, method="lower")

    def take(self, entities: list[int]) -> "AggregateContributions":
        """The same of some entities."""
        parts = (part[entities] for part in (self.contribution, self.value, self.score, self.expected_score))
        return AggregateContributions(self.aggregates, *parts)

    def rows(self, entity: int, typical: np.ndarray, top: int = TOP) -> Iterator[dict[str, object]]:
        """The `top` aggregates of an entity, and last what the others add together, as rows of plain values."""
        order = np.argsort(-np.abs(self.contribution[entity]), kind="stable")
        order = order[self.contribution[entity][order] != 0]
        for rank, at in enumerate(order[:top], 1):
            aggregate, value = self.aggregates[at], float(self.value[entity, at])
            row: dict[str, object] = {
                "rank": rank,
                "aggregate": aggregate.words,
                "contribution": self.contribution[entity, at],
            }
            row |= {
                "source_table": aggregate.table or None,
                "column_name": aggregate.column or None,
                "words": aggregate.words,
            }
            if not np.isnan(value):
                row["words"] = (
                    f"{aggregate.words}: {aggregate.formatted(value)}, usually {aggregate.formatted(typical[at])}"
                )
                row |= {"value": _finite(value), "usual": _finite(float(typical[at]))}
            yield row
        if len(order) > top:
            added = float(self.contribution[entity, order[top:]].sum())
            yield {"rank": top + 1, "aggregate": REST, "words": REST, "contribution": added}

    def effects(self) -> Iterator[dict[str, object]]:
        """How scores move along the aggregates that move them most: bins of their values, as rows of plain values."""
        strength = np.abs(self.contribution).mean(axis=0) if len(self.contribution) else np.zeros(0)
        rank = 0
        for at in np.argsort(-strength, kind="stable"):
            aggregate, value = self.aggregates[at], self.value[:, at]
            known = np.flatnonzero(~np.isnan(value))
            if rank == SHOWN or strength[at] == 0:
                break
            if len(known) < MEMBERS:
                continue
            rank += 1
            for index, members in enumerate(_bins(value[known], bool(aggregate.names)), 1):
                rows = known[members]
                low, high = float(value[rows].min()), float(value[rows].max())
                first, last = aggregate.formatted(low), aggregate.formatted(high)
                yield {
                    "rank": rank, "aggregate": aggregate.words, "source_table": aggregate.table or None,
                    "column_name": aggregate.column or None, "bin": index, "low": _finite(low), "high": _finite(high),
                    "words": first if low == high else f"{first} to {last}",
                    "entities": len(rows), "contribution": float(self.contribution[rows, at].mean()),
                    "score": float(self.score[rows].mean()),
                }  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bins(values: np.ndarray, is_named: bool) -> list[np.ndarray]:
    """Positions of the values of each bin, by quantiles, equal values in one; or of each frequent name."""
    if is_named:
        names, counts = np.unique(values, return_counts=True)
        most = np.argsort(-counts, kind="stable")[:BINS]
        return [np.flatnonzero(values == names[entry]) for entry in most if counts[entry] >= MEMBERS]
    bins = min(BINS, len(values) // MEMBERS)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    number = np.searchsorted(edges, values, side="left")
    parts = [np.flatnonzero(number == entry) for entry in np.unique(number)]
    while len(parts) > 1 and min(map(len, parts)) < MEMBERS:
        small = min(range(len(parts)), key=lambda entry: len(parts[entry]))
        neighbour = small - 1 if small else 1
        first, second = sorted((small, neighbour))
        parts[first : second + 1] = [np.concatenate([parts[first], parts[second]])]
    return parts


class Aggregates:
    """The features of a question's heads, in words."""

    def __init__(self, wording: Wording, question: SingleQuestion, rows: Represented) -> None:
        """Of rows in the layout that the question is asked about."""
        self._question = question
        task, checkpoint = question.task, question.checkpoint
        by_feature = [aggregate for block in rows.layout.blocks for aggregate in wording.of(block)]
        automatic = [by_feature[index] for index in aggregate_positions(rows, task).tolist()]
        automatic += [wording.of_difference(feature) for feature in difference_features_of(rows, task)]
        self._named = {
            "aggregates": automatic,
            "model_outputs": _model_outputs(wording, checkpoint, question),
            "items": [
                *(by_feature[index] for index in item_positions(rows).tolist()),
                *map(wording.of_difference, rate_features(rows.layout)),
            ],
        }

    def contributions(self, rows: RowsInMemory, chosen: np.ndarray) -> AggregateContributions | None:
        """Of all rows, whose score is that of the `chosen` class; None where no head is a forest."""
        feature_sets = self._question.feature_sets_of(rows, np.arange(len(rows)))
        attribution = attributed(self._question.heads, feature_sets, chosen)
        if attribution is None:
            return None
        features = [aggregate for part in PARTS for aggregate in self._of(feature_sets, part)]
        values = np.hstack([getattr(feature_sets, part) for part in PARTS if getattr(feature_sets, part) is not None])
        indices: dict[tuple[str, str, str], list[int]] = {}
        for index, aggregate in enumerate(features):
            indices.setdefault((aggregate.table, aggregate.column, aggregate.words), []).append(index)
        contribution = np.stack([attribution.values[:, members].sum(axis=1) for members in indices.values()], axis=1)
        value = np.full(contribution.shape, np.nan)
        for number, members in enumerate(indices.values()):
            shown = [(index, read) for index in members if (read := features[index].read) is not None]
            if len(shown) == 1:
                ((index, read),) = shown
                value[:, number] = read(values[:, index].astype(np.float64))
        firsts = [features[members[0]] for members in indices.values()]
        return AggregateContributions(firsts, contribution, value, attribution.score, attribution.expected)

    def _of(self, feature_sets: FeatureSets, part: str) -> list[Aggregate]:
        """As many as the view has features; behind the items stand those of peers."""
        values = getattr(feature_sets, part)
        width = 0 if values is None else values.shape[1]
        named = self._named[part] if part != "model_outputs" or not feature_sets.is_raw else []
        return [*named[:width], *[Aggregate(PEERS if part == "items" else "facts and counts")] * (width - len(named))]


def _model_outputs(wording: Wording, checkpoint: Checkpoint, question: SingleQuestion) -> list[Aggregate]:
    blocks = [checkpoint.blocks[index] for index in predicted_positions(checkpoint, question.task)]
    spans = {int(block.detail) for block in blocks if block.kind != "time_to_event"}
    days = min(spans, key=lambda entry: (abs(entry - (question.task.horizon or 0)), entry), default=0)
    return [wording.model_output(block, days) for block in blocks]
