"""The scores of some entities, shared out over their events by asking the models again without some of these."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, ArtifactStore
from basemodel_ops.assets import model_key
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.errors import ArtifactError, DataError
from basemodel_ops.explanations import Explanation, Node, explain
from basemodel_ops.settings import Settings
from basemodel_ops.stages.explanations.grouping import About, columns_of, tree_of
from basemodel_ops.stages.explanations.masking import Masker
from basemodel_ops.stages.explanations.scored import Scored
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import ItemQuestion, ManyQuestion, SingleQuestion, outputs_question
from basemodel_ops.stages.scoring.population import Population
from basemodel_ops.stages.scoring.scoring import check_layout
from basemodel_ops.stages.snapshot.times import to_microseconds
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommender import Recommender
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse

GROUP = 256
"""Entities that are explained at once."""

TESTED_ENTITIES = 60
"""Entities of a task whose explanations are put to the test."""

EVALUATIONS, CONTEXTS = 64, 2
"""Times that the models are asked about each of many entities, and surroundings in which events are seen, at most."""


@dataclass(frozen=True)
class NotableEvents:
    """Events that were told apart from the others of a reason: their times, the newest first, and what they add."""

    times: tuple[datetime, ...]
    contribution: float


@dataclass(frozen=True)
class Reason:
    """Events that share a source, a value and a stretch of time, and what they add to the score, in its unit."""

    about: About
    contribution: float
    notable: tuple[NotableEvents, ...]
    """Its events, in groups or one by one, those that add most first, whatever the sign."""

    @property
    def times(self) -> list[datetime]:
        """Of the raw events, the newest first."""
        return sorted((time for events in self.notable for time in events.times), reverse=True)


@dataclass(frozen=True)
class Explained:
    """The score of an entity and its reasons, the largest first; they sum to `score - empty`."""

    entity: object
    label: str
    """The class or label whose chance is explained; empty where the score is one number."""
    score: float
    empty: float
    """What the models say had no event happened: facts of the entity and the time of the year alone."""
    reasons: tuple[Reason, ...]
    evaluations: int
    is_asked: bool = True
    """Whether the task asks about the entity then; a score of one that it does not is in no table."""


@dataclass(frozen=True)
class Group:
    """Entities that are explained together: their keys, trees and scores."""

    entities: list[object]
    trees: list[Node]
    scored: Scored

    def explain(self, evaluations: int, seed: int, contexts: int = CONTEXTS) -> list[Explanation]:
        """The score of each, shared out."""
        return explain(self.trees, self.scored.score, evaluations, contexts, seed)

    def in_raw_events(self, explanations: Sequence[Explanation]) -> Iterator[Explained]:
        """The same in terms of raw events."""
        for index, (entity, explanation) in enumerate(zip(self.entities, explanations, strict=True)):
            times, notable = self.scored.times(index), defaultdict(list)
            for share in explanation.shares:
                event_times = np.sort(times[share.node.members])[::-1].astype("datetime64[us]").tolist()
                notable[share.node.name].append(NotableEvents(tuple(event_times), share.value))
            reasons = [
                Reason(about, sum(events.contribution for events in reason_events), tuple(reason_events))
                for about, reason_events in notable.items()
            ]
            reasons.sort(key=lambda reason: -abs(reason.contribution))
            label = self.scored.labels[index]
            yield Explained(
                entity, label, explanation.score, explanation.empty, tuple(reasons), explanation.evaluations
            )


@dataclass(frozen=True)
class ExplainedGroup:
    """A group of a task's entities at a cutoff and their explanations, as they were published."""

    task: str
    as_of: datetime
    group: Group
    explanations: list[Explanation]


EXPLAINED = "explained"
"""Where a workspace holds the first group of what it explained last, for the check of it."""

Explainable = SingleQuestion | ManyQuestion | ItemQuestion
"""Questions whose answers can be explained."""

NOBODY = Population(pa.chunked_array([], pa.string()))


def fitted_model(contract: Contract, settings: Settings, store: ArtifactStore, task: Task) -> Artifact:
    """The model of a task.

    Raises:
        DataError: the task has moments of its own, or the model is not there.
    """
    if task.has_row_cutoffs:
        able = ", ".join(task.name for task in contract.tasks if not task.has_row_cutoffs)
        raise DataError(
            f"Task {task.name} has moments of its own, and only scores at the cutoffs of the grid are explained yet. "
            f"Tasks that are: {able or 'none'}."
        )
    try:
        return store.current(model_key(task.name))
    except ArtifactError as error:
        raise DataError(
            f"Task {task.name} has no model below {settings.home}. {error} `basemodel train --task {task.name}` does."
        ) from error


def open_question(ws: Workspace, task: Task, as_of: datetime) -> SingleQuestion | ManyQuestion:
    """A task with its fitted model, ready to be asked about anyone.

    Raises:
        DataError: the task has moments of its own, or its model is not there.
    """
    fitted, checkpoint = fitted_model(ws.contract, ws.settings, ws.store, task), Checkpoint.shared(ws.store, ws.held)
    return outputs_question(ws.store, task, as_of, NOBODY, fitted, checkpoint)


def explainable_question(ws: Workspace, warehouse: Warehouse, task: Task, as_of: datetime) -> Explainable:
    """The same of any task; recommendations read how popular items are.

    Raises:
        DataError: its model is not there.
    """
    if task.form.shape is not Shape.ITEMS:
        return open_question(ws, task, as_of)
    fitted = RecommendationArtifact(fitted_model(ws.contract, ws.settings, ws.store, task))
    recommender = Recommender(ws.contract, ws.store, warehouse, task, fitted, to_microseconds(as_of))
    return ItemQuestion(task, as_of, NOBODY, fitted.artifact.version, recommender)


def groups(builder: Builder, question: SingleQuestion | ManyQuestion, label: str | None = None) -> Iterator[Group]:
    """A builder's entities at the question's cutoff, in the order of their keys, `GROUP` at a time.

    Raises:
        DataError: the task has no such label, or the models learnt from other rows than there are now.
    """
    cutoff = to_microseconds(question.as_of)
    check_layout(question.checkpoint, builder)
    columns = columns_of(builder.contract, builder.store, builder.plans, question.task)
    tables = [str(builder.contract.event(plan.name).relation) for plan in builder.plans]
    # A task with one answer reads no cells, and if it moves in time no sketches; a trait reads what changes slowly.
    is_single, is_static = isinstance(question, SingleQuestion), question.task.horizon is None
    everyone = np.arange(len(builder.entities))
    for part in builder.parts(everyone, np.full(len(everyone), cutoff), GROUP):
        masker = Masker(builder, part, cutoff, is_single and not is_static, is_single and is_static)
        trees = [tree_of(part.histories, index, tables, columns, cutoff) for index in range(len(part))]
        keys = builder.entities.values.slice(part.low, len(part)).to_pylist()
        yield Group(keys, trees, Scored(masker, question, label))
