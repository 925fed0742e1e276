"""The contract, typed: what the dbt project declares about behaviour, facts and questions."""

import hashlib
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


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


class TaskType(StrEnum):
    """The kind of question."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"
    RECOMMENDATION = "recommendation"


class Relation(Frozen):
    """A table or view in the warehouse. Parts are raw; sqlglot quotes them."""

    database: str | None = None
    schema_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


class Column(Frozen):
    """One column and the type it is read as; `inferred` when the type was not annotated."""

    name: str
    data_type: str
    type: ColumnType
    inferred: bool
    references: str | None = None


class EventSource(Frozen):
    """Rows that happen at a time to an entity. `columns` holds neither key, time nor session."""

    name: str
    relation: Relation
    entity: str
    time: str
    session: str | None
    columns: tuple[Column, ...]


class AttributeSource(Frozen):
    """Facts about an entity, or about a thing that events mention; `columns` holds no key."""

    name: str
    relation: Relation
    key: str
    valid_from: str | None
    columns: tuple[Column, ...]


class Aggregate(StrEnum):
    """What a task with one answer asks of the events in its window."""

    ANY = "any"
    NONE = "none"
    COUNT = "count"
    SUM = "sum"


class Target(Frozen):
    """The event column that a task predicts; `column` may be `thing.attribute` through a reference.

    A task with one answer names an `aggregate` of the source's events instead, and a column only to sum it.
    """

    source: str
    column: str = ""
    aggregate: Aggregate | None = None


class Task(Frozen):
    """A question: one row per entity and cutoff, or per positive item with a `population`."""

    name: str
    relation: Relation
    type: TaskType
    entity: str
    cutoff: str
    target: str
    horizon: int | None
    population: Relation | None
    predicts: Target | None
    reads: tuple[str, ...]
    """Names of the attribute sources keyed by the entity from which the labels are made."""


class Grid(Frozen):
    """The weekly cutoffs that all tasks share; `data_end` is the end of the data."""

    relation: Relation
    cutoff: str
    data_end: str
    start: date
    now: date | None
    """The moment a stopped data set stopped; None means the clock."""


class Contract(Frozen):
    """Everything the dbt project declares."""

    entity: str
    events: tuple[EventSource, ...]
    attributes: tuple[AttributeSource, ...]
    tasks: tuple[Task, ...]
    grid: Grid

    @property
    def fingerprint(self) -> str:
        """A hash that changes with any declaration."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def event(self, name: str) -> EventSource:
        """The event source of that name; KeyError if there is none."""
        return next(source for source in self.events if source.name == name)

    def attribute(self, name: str) -> AttributeSource:
        """The attribute source of that name."""
        return next(source for source in self.attributes if source.name == name)

    def task(self, name: str) -> Task:
        """The task of that name."""
        return next(task for task in self.tasks if task.name == name)
