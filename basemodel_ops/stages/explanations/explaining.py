"""The scores of some entities, shared out over their events by asking the models again without some of these."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.errors import ArtifactError, DataError
from basemodel_ops.explanations import Explanation, Node, explain
from basemodel_ops.stages.explanations.grouping import About, columns_of, tree_of
from basemodel_ops.stages.explanations.masking import Masker
from basemodel_ops.stages.explanations.scored import Scored
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import ManyQuestion, SingleQuestion, outputs_question
from basemodel_ops.stages.scoring.asked import Asked
from basemodel_ops.stages.scoring.scoring import check_layout
from basemodel_ops.stages.snapshot.times import to_datetime, to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse

GROUP = 256
"""Entities that are explained at once."""

EVALUATIONS, CONTEXTS = 64, 2
"""Times that the models are asked about each of many entities, and surroundings in which events are seen, at most."""


@dataclass(frozen=True)
class Moment:
    """Events that were told apart from the others of a reason: their times, the newest first, and what they add."""

    times: tuple[datetime, ...]
    contribution: float


@dataclass(frozen=True)
class Reason:
    """Events that share a source, a value and a stretch of time, and what they add to the score, in its unit."""

    about: About
    contribution: float
    moments: tuple[Moment, ...]
    """Its events, in groups or one by one, those that add most first, whatever the sign."""

    @property
    def times(self) -> list[datetime]:
        """Of the raw events, the newest first."""
        return sorted((time for moment in self.moments for time in moment.times), reverse=True)


@dataclass(frozen=True)
class Explained:
    """The score of an entity and its reasons, the largest first; they sum to `score - empty`."""

    entity: object
    label: str
    """The class or label whose chance is explained; empty where the score is one number."""
    score: float
    empty: float
    """What the score were had no event happened: facts of the entity and the time of the year alone."""
    reasons: tuple[Reason, ...]
    evaluations: int


@dataclass(frozen=True)
class Group:
    """Entities that are explained together: their keys, trees and scores."""

    entities: list[object]
    trees: list[Node]
    scored: Scored

    def explain(self, evaluations: int, seed: int, contexts: int = CONTEXTS) -> list[Explanation]:
        """The score of each, shared out."""
        return explain(self.trees, self.scored.score, evaluations, contexts, seed)

    def told(self, explanations: Sequence[Explanation]) -> Iterator[Explained]:
        """The same in terms of raw events."""
        for place, (entity, one) in enumerate(zip(self.entities, explanations, strict=True)):
            times, moments = self.scored.times(place), defaultdict(list)
            for share in one.shares:
                own = sorted(times[share.node.members].tolist(), reverse=True)
                moments[share.node.name].append(Moment(tuple(map(to_datetime, own)), share.value))
            reasons = [
                Reason(about, sum(moment.contribution for moment in own), tuple(own)) for about, own in moments.items()
            ]
            reasons.sort(key=lambda reason: -abs(reason.contribution))
            label = self.scored.labels[place]
            yield Explained(entity, label, one.score, one.empty, tuple(reasons), one.evaluations)


def is_explained(task: Task) -> bool:
    """Whether the scores of a task can be explained."""
    return task.form.shape is not Shape.ITEMS and not task.is_own


def open_question(ws: Workspace, task: Task, as_of: datetime) -> SingleQuestion | ManyQuestion:
    """A task with its fitted model, ready to be asked about anyone.

    Raises:
        DataError: the task is a recommendation or has moments of its own, or its model is not there.
    """
    if not is_explained(task):
        able = ", ".join(one.name for one in ws.contract.tasks if is_explained(one))
        why = "has moments of its own, and only scores" if task.is_own else "is a recommendation, whose order of items"
        rest = "at the cutoffs of the grid are explained yet" if task.is_own else "is not explained yet"
        raise DataError(f"Task {task.name} {why} {rest}. Tasks that are: {able or 'none'}.")
    nobody = Asked(pa.chunked_array([], pa.string()))
    try:
        fitted, checkpoint = ws.current(f"{task.name}/model"), Checkpoint(ws)
    except ArtifactError as error:
        raise DataError(
            f"Task {task.name} has no model below {ws.settings.home}. {error} `basemodel train --task {task.name}` "
            "does."
        ) from error
    return outputs_question(ws, task, as_of, nobody, fitted, checkpoint)


def groups(
    ws: Workspace, warehouse: Warehouse, question: SingleQuestion | ManyQuestion, entities: Sequence[object],
    label: str | None = None,
) -> Iterator[Group]:  # fmt: skip
    """The entities that have events before the question's cutoff, in the order of their keys, `GROUP` at a time.

    Raises:
        DataError: the task has no such label, or the models learnt from other rows than there are now.
    """
    cutoff = to_microseconds(question.as_of)
    builder = Builder(ws, warehouse, cutoff, Chosen(only=tuple(entities)))
    check_layout(question.checkpoint, builder)
    columns = columns_of(ws, builder.plans, question.task)
    tables = [str(ws.contract.event(plan.name).relation) for plan in builder.plans]
    # A task that moves in time and has one answer reads no sketches and no cells.
    is_narrow = isinstance(question, SingleQuestion) and question.task.horizon is not None
    everyone = np.arange(len(builder.entities))
    for part in builder.parts(everyone, np.full(len(everyone), cutoff), GROUP):
        masker = Masker(ws, builder, part, cutoff, is_narrow)
        trees = [tree_of(part.histories, place, tables, columns, cutoff) for place in range(len(part))]
        keys = builder.entities.values.slice(part.low, len(part)).to_pylist()
        yield Group(keys, trees, Scored(masker, question, label))
