"""What may stand under `config.meta.basemodel` of a model or a column."""

from datetime import date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from basemodel_ops.contract.task_types import TypeFields
from basemodel_ops.contract.types import (
    Aggregate,
    AlreadyHad,
    Cadence,
    ColumnType,
    Frozen,
    Metric,
    Moments,
    NullTarget,
    OnWorse,
    TaskType,
)

Purpose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
"""What personal data are read for, in words; it stands in the audit log."""


def _timestamp(value: object) -> object:
    """A moment out of a text: a date where it is midnight."""
    if not isinstance(value, str):
        return value
    try:
        result = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("it should be a date, `2024-03-04`, or a moment, `2024-03-04 05:00`") from None
    if result.tzinfo is not None:
        raise ValueError("moments are in UTC and are written without a zone")
    return result.date() if result.time() == time() else result


Timestamp = Annotated[date | datetime, BeforeValidator(_timestamp)]
"""A moment in UTC; a date is its midnight."""


class EventMeta(Frozen):
    """Rows that happen at a time to an entity."""

    entity: str
    time: str
    session: str | None = None
    purpose: Purpose | None = None


class AttributeMeta(Frozen):
    """Facts about an entity or an item."""

    key: str
    valid_from: str | None = None
    valid_to: str | None = None
    purpose: Purpose | None = None


class Horizon(Frozen):
    """The length of the window that a task looks into."""

    days: int = Field(gt=0)


class Predicts(Frozen):
    """The event column whose future is asked for, or the aggregate of a source's events."""

    source: str
    column: str = ""
    aggregate: Aggregate | None = None


class SplitMeta(Frozen):
    """Where validation and test begin, or how many of the newest complete cutoffs each has."""

    validation_from: Timestamp | None = None
    test_from: Timestamp | None = None
    validation: int | None = Field(default=None, gt=0)
    test: int | None = Field(default=None, gt=0)


class TaskMeta(TypeFields):
    """A question."""

    type: TaskType
    entity: str
    cutoff: str
    target: str
    horizon: Horizon | None = None
    population: str | None = None
    predicts: Predicts | None = None
    metric: Metric | None = None
    on_worse: OnWorse = OnWorse.STOP
    null_target: NullTarget = NullTarget.REFUSE
    already_had: AlreadyHad | None = None
    offers: str | None = None
    diversity: float = Field(default=0.0, ge=0, le=1)
    split: SplitMeta | None = None
    moments: Moments = Moments.GRID
    known: str | None = None
    purpose: Purpose | None = None


class GridMeta(Frozen):
    """The cutoffs."""

    cutoff: str
    data_end: str
    start: Timestamp | None = None
    every: Cadence = Cadence.WEEK
    now: Timestamp | None = None
    purpose: Purpose | None = None


class AudienceMeta(Frozen):
    """Ids whose like are looked for."""

    entity: str
    purpose: Purpose | None = None


class ColumnMeta(Frozen):
    """A column's type, the attribute source it refers to, whether it is personal and read for what, and of moments
    whether they are planned: known when their row is, though they may lie ahead."""

    type: ColumnType | None = None
    references: str | None = None
    pii: bool = False
    purpose: Purpose | None = None
    planned: bool = False
