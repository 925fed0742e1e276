"""What the aggregates of an entity add to its score, by the trees that read them, and how scores move along each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages.explanations.published import REST
from basemodel_ops.stages.explanations.wording import PEERS, Aggregate, Wording
from basemodel_ops.stages.features.rows import Represented, RowsInMemory
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import SingleQuestion
from basemodel_ops.stages.tasks.views import automatic_positions, contrasts_of, foreseen_places, item_positions
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.attribution import PARTS, attributed
from basemodel_ops.tasks.single import Views

TOP = 5
"""Aggregates of an entity that are told one by one."""

SHOWN = 20
"""Aggregates along which it is told how scores move: those that move them most."""

BINS, MEMBERS = 5, 10
"""Bins of an aggregate, at most, and entities in each, at least."""


@dataclass(frozen=True)
class Told:
    """What aggregates add to the scores of entities; a row of `contribution` sums to `score - usual_score`."""

    aggregates: list[Aggregate]
    contribution: np.ndarray  # (entities, aggregates)
    value: np.ndarray  # (entities, aggregates) in the unit of the words; not-a-number where there is none to tell
    score: np.ndarray  # (entities,)
    usual_score: np.ndarray
    """The score were trees to say what they say on average, (entities,)."""

    @property
    def usual(self) -> np.ndarray:
        """The middle value of each aggregate, which some entity has, (aggregates,)."""
        return np.quantile(self.value, 0.5, axis=0, method="lower")

    def some(self, entities: list[int]) -> "Told":
        """The same of some entities."""
        own = (part[entities] for part in (self.contribution, self.value, self.score, self.usual_score))
        return Told(self.aggregates, *own)

    def rows(self, entity: int, usual: np.ndarray, top: int = TOP) -> Iterator[dict[str, object]]:
        """The `top` aggregates of an entity, and last what the others add together, as rows of plain values."""
        order = np.argsort(-np.abs(self.contribution[entity]), kind="stable")
        order = order[self.contribution[entity][order] != 0]
        for rank, at in enumerate(order[:top], 1):
            one, value = self.aggregates[at], float(self.value[entity, at])
            row: dict[str, object] = {
                "rank": rank,
                "aggregate": one.words,
                "contribution": self.contribution[entity, at],
            }
            row |= {"source_table": one.table or None, "column_name": one.column or None, "words": one.words}
            if not np.isnan(value):
                row["words"] = f"{one.words}: {one.said(value)}, usually {one.said(usual[at])}"
                row |= {"value": _finite(value), "usual": _finite(float(usual[at]))}
            yield row
        if len(order) > top:
            added = float(self.contribution[entity, order[top:]].sum())
            yield {"rank": top + 1, "aggregate": REST, "words": REST, "contribution": added}

    def effects(self) -> Iterator[dict[str, object]]:
        """How scores move along the aggregates that move them most: bins of their values, as rows of plain values."""
        strength = np.abs(self.contribution).mean(axis=0) if len(self.contribution) else np.zeros(0)
        rank = 0
        for at in np.argsort(-strength, kind="stable"):
            one, value = self.aggregates[at], self.value[:, at]
            known = np.flatnonzero(~np.isnan(value))
            if rank == SHOWN or strength[at] == 0:
                break
            if len(known) < MEMBERS:
                continue
            rank += 1
            for place, own in enumerate(_bins(value[known], bool(one.names)), 1):
                rows = known[own]
                low, high = float(value[rows].min()), float(value[rows].max())
                yield {
                    "rank": rank, "aggregate": one.words, "source_table": one.table or None,
                    "column_name": one.column or None, "bin": place, "low": _finite(low), "high": _finite(high),
                    "words": one.said(low) if low == high else f"{one.said(low)} to {one.said(high)}",
                    "entities": len(rows), "contribution": float(self.contribution[rows, at].mean()),
                    "score": float(self.score[rows].mean()),
                }  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bins(values: np.ndarray, is_named: bool) -> list[np.ndarray]:
    """Positions of the values of each bin, by quantiles, equal values in one; or of each frequent name."""
    if is_named:
        found, counts = np.unique(values, return_counts=True)
        most = np.argsort(-counts, kind="stable")[:BINS]
        return [np.flatnonzero(values == found[one]) for one in most if counts[one] >= MEMBERS]
    bins = min(BINS, len(values) // MEMBERS)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    number = np.searchsorted(edges, values, side="left")
    parts = [np.flatnonzero(number == one) for one in np.unique(number)]
    while len(parts) > 1 and min(map(len, parts)) < MEMBERS:
        small = min(range(len(parts)), key=lambda one: len(parts[one]))
        beside = small - 1 if small else 1
        first, second = sorted((small, beside))
        parts[first : second + 1] = [np.concatenate([parts[first], parts[second]])]
    return parts


class Aggregates:
    """The features of a question's heads, in words."""

    def __init__(self, ws: Workspace, question: SingleQuestion, rows: Represented) -> None:
        """Of rows in the layout that the question is asked about."""
        self._question = question
        wording = Wording(ws)
        task, checkpoint = question.task, question.checkpoint
        by_place = [one for block in rows.layout.blocks for one in wording.of(block)]
        automatic = [by_place[place] for place in automatic_positions(rows, task).tolist()]
        automatic += [Aggregate(f"{one.name}, ratio", read=np.exp) for one in contrasts_of(rows, task)]
        self._named = {
            "automatic": automatic,
            "learnt": _foreseen(wording, checkpoint, question),
            "items": [by_place[place] for place in item_positions(rows).tolist()],
        }

    def told(self, rows: RowsInMemory, chosen: np.ndarray) -> Told | None:
        """Of all rows, whose score is that of the `chosen` class; None where no head is a forest."""
        views = self._question.views(rows, np.arange(len(rows)))
        found = attributed(self._question.heads, views, chosen)
        if found is None:
            return None
        features = [one for part in PARTS for one in self._of(views, part)]
        values = np.hstack([getattr(views, part) for part in PARTS if getattr(views, part) is not None])
        places: dict[tuple[str, str, str], list[int]] = {}
        for place, one in enumerate(features):
            places.setdefault((one.table, one.column, one.words), []).append(place)
        contribution = np.stack([found.values[:, own].sum(axis=1) for own in places.values()], axis=1)
        value = np.full(contribution.shape, np.nan)
        for number, own in enumerate(places.values()):
            shown = [(place, read) for place in own if (read := features[place].read) is not None]
            if len(shown) == 1:
                ((place, read),) = shown
                value[:, number] = read(values[:, place].astype(np.float64))
        firsts = [features[own[0]] for own in places.values()]
        return Told(firsts, contribution, value, found.score, found.usual)

    def _of(self, views: Views, part: str) -> list[Aggregate]:
        """As many as the view has features; behind the items stand those of peers."""
        values = getattr(views, part)
        width = 0 if values is None else values.shape[1]
        named = self._named[part] if part != "learnt" or not views.is_raw else []
        return [*named[:width], *[Aggregate(PEERS if part == "items" else "facts and counts")] * (width - len(named))]


def _foreseen(wording: Wording, checkpoint: Checkpoint, question: SingleQuestion) -> list[Aggregate]:
    blocks = [checkpoint.blocks[place] for place in foreseen_places(checkpoint, question.task)]
    spans = {int(block.detail) for block in blocks if block.kind != "wait"}
    days = min(spans, key=lambda one: (abs(one - (question.task.horizon or 0)), one), default=0)
    return [wording.foreseen(block, days) for block in blocks]
