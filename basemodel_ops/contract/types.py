"""The contract, typed: what the dbt project declares about behaviour, facts and questions."""

import hashlib
from collections.abc import Iterable

from pydantic import Field

from basemodel_ops.contract.sources import (
    AttributeSource,
    Audience,
    Cadence,
    Column,
    ColumnType,
    EventSource,
    Frozen,
    Grid,
    Personal,
    Relation,
)
from basemodel_ops.contract.task_types import (
    METRICS_OF,
    SMALLER_IS_BETTER,
    Aggregate,
    Metric,
    TaskType,
)
from basemodel_ops.contract.tasks import (
    AlreadyHad,
    CountedSplit,
    GivenSplit,
    Moments,
    NullTarget,
    OnWorse,
    Target,
    Task,
)

__all__ = [
    "METRICS_OF",
    "SMALLER_IS_BETTER",
    "Aggregate",
    "AlreadyHad",
    "AttributeSource",
    "Audience",
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
    "Moments",
    "NullTarget",
    "OnWorse",
    "Personal",
    "Relation",
    "Target",
    "Task",
    "TaskType",
]


class Contract(Frozen):
    """Everything the dbt project declares."""

    entity: str
    events: tuple[EventSource, ...]
    attributes: tuple[AttributeSource, ...]
    tasks: tuple[Task, ...]
    grid: Grid
    audiences: tuple[Audience, ...] = ()
    personal: tuple[Personal, ...] = ()
    definitions: dict[str, str] = Field(default={})
    """Per relation a hash of the SQL that makes it, of all that it reads and of the macros used; without comments."""
    owners: dict[str, tuple[str, ...]] = Field(default={})
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
