"""What the dbt project declares of a task."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from basemodel_ops.contract.sources import Frozen, Relation
from basemodel_ops.contract.task_types import (
    FORMS,
    Aggregate,
    Metric,
    TaskForm,
    TaskType,
    TypeFields,
)


class OnWorse(StrEnum):
    """What is published where an answer is clearly worse than a baseline on the test."""

    STOP = "stop"
    BASELINE = "baseline"


class NullTarget(StrEnum):
    """What a missing target of a window that is over means."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave_out"


class AlreadyHad(StrEnum):
    """What a recommendation does with items that the entity already had."""

    KEEP = "keep"
    REMOVE = "remove"


class Moments(StrEnum):
    """When the rows of a task are: at the cutoffs of the grid, or whenever its own table says."""

    GRID = "grid"
    OWN = "own"


class Target(Frozen):
    """The event column that a task predicts; `column` may be `item.attribute` through a reference.

    A task with one answer names an `aggregate` of the source's events instead, and a column only to sum it.
    """

    source: str
    column: str = ""
    aggregate: Aggregate | None = None


class GivenSplit(Frozen):
    """Where the parts of a task begin, as its declaration says. A date stands for its midnight."""

    validation_from: date | datetime
    test_from: date | datetime


class CountedSplit(Frozen):
    """How many cutoffs validate and test, as a task's declaration says: the newest whose window is over."""

    validation: int
    test: int


class Task(TypeFields):
    """A question: one row per entity and cutoff, or per positive item with a `population`."""

    name: str
    relation: Relation
    type: TaskType
    entity: str
    cutoff: str
    target: str
    horizon: int | None
    """Days; None of a trait, 0 where `known` says when a label is known."""
    population: Relation | None
    predicts: Target | None
    reads: tuple[str, ...]
    """Names of the attribute sources keyed by the entity from which the labels are made."""
    metric: Metric | None = None
    """What candidates of one answer are chosen by; None is the first of `METRICS_OF`."""
    on_worse: OnWorse = OnWorse.STOP
    """Of a task with one answer: nothing is published, or boosting on the automatic aggregates."""
    null_target: NullTarget = NullTarget.REFUSE
    """Of a task with one answer: a missing target is a mistake, or was never known, as of who left."""
    already_had: AlreadyHad | None = None
    """Of a recommendation; None leaves it to validation."""
    offers: Relation | None = None
    """Of a recommendation: the items that may be named, per cutoff, in columns named as the task's own."""
    diversity: float = 0.0
    """Of a recommendation: how much likeness to what is named already counts against an item, 0 to 1."""
    split: GivenSplit | CountedSplit | None = None
    """Where validation and test begin, or their cutoffs in number; None is as many as the settings say."""
    moments: Moments = Moments.GRID
    """Rows at moments of their own know what happened up to these, the event that asks included."""
    known: str | None = None
    """Of a task with moments of its own: the column of the moment at which a label is known, such as the next event."""

    @property
    def has_row_cutoffs(self) -> bool:
        """Whether its rows are at moments of their own."""
        return self.moments is Moments.OWN

    @property
    def form(self) -> TaskForm:
        """What its type says of its rows and answers."""
        return FORMS[self.type]

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A declaration that was pinned before one of these was there is the same declaration.
        names = ("split", "moments", "known", "null_target", *TypeFields.model_fields)
        newer = {name: Task.model_fields[name].default for name in names}
        absent = [name for name, default in newer.items() if getattr(self, name) == default]
        return {name: value for name, value in handler(self).items() if name not in absent}
