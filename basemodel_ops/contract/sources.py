"""What the dbt project declares of tables and their columns: events, attributes, the grid, audiences."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from basemodel_ops.errors import WarehouseError
from basemodel_ops.names import identifier_fault


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
    planned: bool = False
    """Of moments: they are known when their row is, and may lie ahead, as the end of a contract does."""

    @property
    def is_dated(self) -> bool:
        """Whether it holds moments with a date, from which days are counted to a cutoff."""
        data_type = self.data_type.lower()
        return self.type is ColumnType.TIME and (data_type.startswith("timestamp") or not data_type.startswith("time"))

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
        columns = (column for column in self.columns if column.name == name)
        items = (c for c in self.columns if c.references and name.startswith(f"{c.name}."))
        column = next(columns, None) or next(items)
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


class Cadence(StrEnum):
    """How far apart the cutoffs of a grid are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
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
