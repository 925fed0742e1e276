"""The contract, typed: what the dbt project declares about behaviour, facts and questions."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from basemodel_ops.contract.task_types import (
    FORMS,
    METRICS_OF,
    SMALLER_IS_BETTER,
    Aggregate,
    Metric,
    OwnFields,
    TaskForm,
    TaskType,
)
from basemodel_ops.errors import WarehouseError
from basemodel_ops.names import identifier_fault

__all__ = [
    "METRICS_OF",
    "SMALLER_IS_BETTER",
    "Aggregate",
    "AlreadyHad",
    "AttributeSource",
    "Cadence",
    "Column",
    "ColumnType",
    "Contract",
    "CountedSplit",
    "EventSource",
    "Frozen",
    "GivenSplit",
    "Grid",
    "Metric",
    "OnWorse",
    "Personal",
    "Relation",
    "Target",
    "Task",
    "TaskType",
]


class Frozen(BaseModel):
    """An immutable value that rejects fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnType(StrEnum):
    """How a column becomes numbers."""

    CATEGORY = "category"
    NUMBER = "number"
    TEXT = "text"
    IMAGE = "image"
    TIME = "time"
    IGNORE = "ignore"


class OnWorse(StrEnum):
    """What is published where an answer is clearly worse than a baseline on the test."""

    STOP = "stop"
    BASELINE = "baseline"


class Relation(Frozen):
    """A table or view in the warehouse. Parts are raw; sqlglot quotes them."""

    database: str | None = None
    schema_name: str
    name: str

    @model_validator(mode="after")
    def _names(self) -> Self:
        for name in (self.schema_name, self.name):
            if fault := identifier_fault(name):
                raise WarehouseError(
                    f"No table can be {self.schema_name!r}.{self.name!r}: {name!r} {fault}. Rename it."
                )
        return self

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


class Column(Frozen):
    """One column and the type it is read as; `inferred` when the type was not annotated."""

    name: str
    data_type: str
    type: ColumnType
    inferred: bool
    references: str | None = None
    pii: bool = False
    purpose: str | None = None

    @property
    def withheld(self) -> bool:
        """Personal, and nobody said what for: it is never read."""
        return self.pii and self.purpose is None


class EventSource(Frozen):
    """Rows that happen at a time to an entity. `columns` holds neither key, time nor session."""

    name: str
    relation: Relation
    entity: str
    time: str
    session: str | None
    columns: tuple[Column, ...]

    def resolve(self, name: str) -> tuple[Column, str]:
        """The column that `item` or `item.attribute` names, and the attribute of its items, empty where it is none.

        A column's own name may hold a dot. StopIteration where there is no such column.
        """
        own = (column for column in self.columns if column.name == name)
        items = (c for c in self.columns if c.references and name.startswith(f"{c.name}."))
        column = next(own, None) or next(items)
        return column, name.removeprefix(column.name)[1:]


class AttributeSource(Frozen):
    """Facts about an entity, or about an item that events mention; `columns` holds no key."""

    name: str
    relation: Relation
    key: str
    valid_from: str | None
    columns: tuple[Column, ...]
    valid_to: str | None = None
    """Of facts that know their own end: cutoffs after it do not see the row."""


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


class Task(OwnFields):
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
    def is_own(self) -> bool:
        """Whether its rows are at moments of their own."""
        return self.moments is Moments.OWN

    @property
    def form(self) -> TaskForm:
        """What its type says of its rows and answers."""
        return FORMS[self.type]

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A declaration that was pinned before one of these was there is the same declaration.
        names = ("split", "moments", "known", *OwnFields.model_fields)
        newer = {name: Task.model_fields[name].default for name in names}
        absent = [name for name, default in newer.items() if getattr(self, name) == default]
        return {name: value for name, value in handler(self).items() if name not in absent}


class Cadence(StrEnum):
    """How far apart the cutoffs of a grid are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    IRREGULAR = "irregular"


class Grid(Frozen):
    """The cutoffs that all tasks share; `data_end` is the end of the data. A date stands for its midnight."""

    relation: Relation
    cutoff: str
    data_end: str
    start: date | datetime | None
    """The first cutoff, from which the others follow; None of an irregular grid, whose table lists them."""
    now: date | datetime | None
    """The moment a stopped data set stopped; None means the clock."""
    every: Cadence = Cadence.WEEK

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A declaration that was pinned before `every` was there is the same declaration.
        return {name: value for name, value in handler(self).items() if name != "every" or value != Cadence.WEEK}


class Personal(Frozen):
    """A personal column that is read, and what for."""

    relation: Relation
    column: str
    purpose: str


class Audience(Frozen):
    """A table of ids, the seeds, whose like are looked for."""

    name: str
    relation: Relation
    entity: str


class Contract(Frozen):
    """Everything the dbt project declares."""

    entity: str
    events: tuple[EventSource, ...]
    attributes: tuple[AttributeSource, ...]
    tasks: tuple[Task, ...]
    grid: Grid
    audiences: tuple[Audience, ...] = ()
    personal: tuple[Personal, ...] = ()
    definitions: dict[str, str] = {}
    """Per relation a hash of the SQL that makes it, of all that it reads and of the macros used; without comments."""
    owners: dict[str, tuple[str, ...]] = {}
    """Per relation whoever owns it, where the dbt project says so; nothing that is learnt depends on it."""

    def definition(self, relation: Relation) -> str:
        """The hash of the SQL that makes a relation; empty where it is not known."""
        return self.definitions.get(str(relation), "")

    @property
    def fingerprint(self) -> str:
        """A hash that changes with any declaration but owners and words of a purpose, of which nothing is learnt."""
        columns = {"__all__": {"columns": {"__all__": {"pii", "purpose"}}}}
        text = self.model_dump_json(
            exclude={"personal": True, "definitions": True, "owners": True, "events": columns, "attributes": columns}
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def event(self, name: str) -> EventSource:
        """The event source of that name; KeyError if there is none."""
        return next(source for source in self.events if source.name == name)

    def attribute(self, name: str) -> AttributeSource:
        """The attribute source of that name."""
        return next(source for source in self.attributes if source.name == name)

    def task(self, name: str) -> Task:
        """The task of that name."""
        return next(task for task in self.tasks if task.name == name)

    def audience(self, name: str) -> Audience:
        """The audience of that name."""
        return next(audience for audience in self.audiences if audience.name == name)

    @property
    def readable(self) -> dict[str, frozenset[str]]:
        """The allow-list: per relation of the contract, the columns that may be read."""
        results: dict[str, set[str]] = {}

        def allow(relation: Relation | None, names: Iterable[str | None]) -> None:
            if relation is not None:
                results.setdefault(str(relation), set()).update(name for name in names if name is not None)

        for event in self.events:
            allow(event.relation, [event.entity, event.time, event.session, *_read(event.columns)])
        for attributes in self.attributes:
            allow(
                attributes.relation,
                [attributes.key, attributes.valid_from, attributes.valid_to, *_read(attributes.columns)],
            )
        for task in self.tasks:
            allow(task.relation, [task.entity, task.cutoff, task.target, *task.label_columns.values(), task.known])
            allow(task.population, [task.entity, task.cutoff])
            allow(task.offers, [task.target, task.cutoff])
        for audience in self.audiences:
            allow(audience.relation, [audience.entity])
        allow(self.grid.relation, [self.grid.cutoff, self.grid.data_end])
        return {name: frozenset(columns) for name, columns in results.items()}


def _read(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns if column.type is not ColumnType.IGNORE or column.references]
