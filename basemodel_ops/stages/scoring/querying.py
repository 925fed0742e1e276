"""Asking the representation of an entity what its history holds: the one that was kept, or one made from its events."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.assets import category_columns
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Contract
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.representation import Layout, SourcePlan, history_layout, history_values, stream_histories
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.builder import Builder, source_plans
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.reading import Chosen, event_reader, read_entities, read_events
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.scoring.decoding import read_histories
from basemodel_ops.stages.scoring.kept import kept_rows
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime, to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, first_event_query, sample_query, table_of, timestamp_of

ZONE = re.compile(r"[T :]\d\d(\.\d+)?\s?(Z|[+-]\d\d(:?\d\d)?)$")
"""Ends of moments that say in which zone they are."""


@dataclass(frozen=True)
class QueryResult:
    """What is said of one value: the chance that the history holds it, how much of it, and about how long ago."""

    value: str
    probability: float
    count: float
    """Decayed, at the longest half-life."""
    age: float
    """Days; not-a-number where it is not there."""
    note: str = ""
    """What else is to be said: since when a value is there that the representation does not know."""


def query_entity(
    ws: Workspace, entity: str, source: str, column: str, as_of: datetime, values: list[str], top: int
) -> list[QueryResult]:
    """Replies for the `values`, or, without any, for the `top` values with the largest decayed count.

    Of values that were first seen after the end of training the representation knows nothing: their reply has no
    numbers and says since when they are there. The others that it does not know are looked for in the warehouse too.

    Raises:
        DataError: the source, the column or the entity is not there; says what is.
    """
    newest = RepresentationArtifact.newest(ws.store, as_of)
    examples = None if newest is None else kept_rows(newest)
    plans: list[SourcePlan] = []
    if examples is None:
        plans, _ = source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())
    layout = history_layout(plans, *_decays(ws.settings)) if examples is None else examples.layout
    if (source, column) not in _counted_columns(layout):
        raise DataError(_lacking(ws.contract, layout, source, column, ws.snapshot()))
    known = EncoderArtifact.current(ws.store, source).vocabulary(column)
    if examples is None:
        (plan,) = (plan for plan in plans if plan.name == source)
        examples = _of_column(ws, plan, column, entity, as_of)
    row_index = examples.locate(_scalar(entity, examples.entities), np.array([to_microseconds(as_of)]))
    if not len(examples) or row_index[0] < 0:
        there = [] if newest is None else newest.entities.values[:3].to_pylist()
        raise DataError(
            f"No {ws.contract.entity} {entity} has events before {key_of(as_of)}, or none that was kept. "
            f"There are such as {there}."
        )
    ((probability, count, age),) = read_histories(
        ws.store, ws.settings, examples, row_index, source, column, len(known)
    )

    def result_of(value: str, code: int) -> QueryResult:
        if code >= 0:
            return QueryResult(value, float(probability[code]), float(count[code]), float(age[code]))
        with ws.warehouse() as warehouse:
            typed = _scalar(value, known)[0].as_py()
            first = _first_seen(ws.contract, warehouse, source, column, typed, as_of)
        return _unknown(value, first, as_of, ws.snapshot())

    if not values:
        best = np.argsort(-count, kind="stable")[:top]
        return [result_of(str(known.values[int(code)].as_py()), int(code)) for code in best if count[code] > 0]
    return [result_of(value, int(known.encode(_scalar(value, known))[0])) for value in values]


def _unknown(text: str, first: datetime | None, as_of: datetime, snapshot: Snapshot) -> QueryResult:
    """The reply for a value that the vocabulary lacks: nothing is known of it, or nobody ever had it.

    It was `first` seen then, or in no event before `as_of`.
    """
    if first is None:
        return QueryResult(text, 0.0, 0.0, float("nan"), f"no event before {as_of:%Y-%m-%d} has it")
    end = to_datetime(snapshot.times.training_end)
    return QueryResult(
        text, float("nan"), float("nan"), float("nan"),
        f"unknown since {first:%Y-%m-%d}, when it was first seen: what is asked learnt from events before "
        f"{end:%Y-%m-%d}. `basemodel train` learns it",
    )  # fmt: skip


def _first_seen(
    contract: Contract, warehouse: Warehouse, source: str, column: str, value: object, as_of: datetime
) -> datetime | None:
    """When a value, or an item with this value of an attribute, first stood in an event before `as_of`."""
    event = contract.event(source)
    (category, attribute), query = event.resolve(column), first_event_query(event, as_of)
    if not attribute:
        table = warehouse.read(query.where(_is(column_of(category.name), value)))
    else:
        attributes = contract.attribute(category.references or "")
        items = exp.select(column_of(attributes.key)).from_(table_of(attributes.relation))
        items = items.where(_is(column_of(attribute), value))
        table = warehouse.read(query.where(exp.In(this=column_of(category.name), query=items.subquery())))
    first = table.column(0)[0].as_py()
    return None if first is None else to_datetime(int(microseconds(table.column(0))[0]))


def _is(column: exp.Column, value: object) -> exp.Expr:
    """Whether a column has this value: moments are compared as moments in UTC, all else as it is written or counted."""
    if isinstance(value, datetime):
        return exp.EQ(this=exp.cast(column, "timestamp"), expression=timestamp_of(value))
    if isinstance(value, (bool, date)) or (isinstance(value, float) and np.isfinite(value)):
        return exp.EQ(this=column, expression=exp.convert(value))
    if isinstance(value, Decimal):
        return exp.EQ(this=column, expression=exp.Literal.number(f"{value:f}"))
    text = value.decode() if isinstance(value, bytes) else str(value)
    return exp.EQ(this=exp.cast(column, "text"), expression=exp.Literal.string(text))


def _decays(settings: Settings) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    """Half-lives of events and of sessions, and windows, in days."""
    return settings.half_lives, settings.counted_half_lives, settings.windows


def _of_column(ws: Workspace, plan: SourcePlan, column: str, entity: str, as_of: datetime) -> RowsInMemory:
    """The row of an entity, made from its events, as far as it holds this column: no other is read."""
    event, column_plan, cutoffs = ws.contract.event(plan.name), plan.only(column), np.array([to_microseconds(as_of)])
    with ws.warehouse() as warehouse:
        chosen = Chosen(only=tuple(typed_key(ws.contract, warehouse, entity).to_pylist()))
        entities = read_entities(ws.contract, warehouse, as_of, chosen)
        encoder = EncoderArtifact.current(ws.store, event.name)
        reader = event_reader(ws.contract, event, encoder, entities, {column}).only(column)
        events = chain([reader.empty_events()], read_events(ws.settings, warehouse, event, reader, as_of, chosen))
        shards = [histories for _, histories in stream_histories([events], len(entities), 1)]
    layout = history_layout([column_plan], *_decays(ws.settings))
    values = [history_values(histories, [column_plan], cutoffs, *_decays(ws.settings))[:, 0] for histories in shards]
    full = np.concatenate([np.zeros((0, layout.length), np.float16), *values])
    return RowsInMemory(entities, np.arange(len(entities)), cutoffs.repeat(len(entities)), layout, full)


def typed_key(contract: Contract, warehouse: Warehouse, entity: str) -> pa.ChunkedArray:
    """The key of an entity, given as text, in the type that events have; DataError where it is no such value."""
    first = sample_query(contract.events[0].relation, [contract.events[0].entity], 1)
    kind = warehouse.read(first).column(0)
    return _scalar(entity, Vocabulary.from_entities(pa.table([kind], ["e"])))


def represent(builder: Builder, as_of: datetime) -> RowsInMemory:
    """The rows of a builder's entities at `as_of`, made from their events; those without events have none."""
    everyone = np.arange(len(builder.entities))
    cutoffs = np.full(len(everyone), to_microseconds(as_of))
    values = [builder.represent(part) for part in builder.parts(everyone, cutoffs)]
    full = np.concatenate([np.zeros((0, builder.layout.length), np.float16), *values])
    return RowsInMemory(builder.entities, everyone, cutoffs, builder.layout, full)


def _counted_columns(layout: Layout) -> set[tuple[str, str]]:
    """Source and column of what a row says how often it was there."""
    return {(block.source, block.column) for block in layout.select("count")}


def _lacking(contract: Contract, layout: Layout, source: str, column: str, snapshot: Snapshot) -> str:
    """Why a column cannot be asked for, and which can."""
    there = sorted(f"{source}.{column}" for source, column in _counted_columns(layout))
    why = ""
    if (source, column) in category_columns(contract):
        end = to_datetime(snapshot.times.training_end)
        why = (
            f" Either no event before {end:%Y-%m-%d}, from which it was learnt, has a value of it, and `basemodel "
            "train` learns newer ones; or there was no room for it, which `basemodel layout` says."
        )
    return f"No column {column!r} of {source!r} is in the representation. It holds: {there}.{why}"


def _scalar(text: str, known: Vocabulary) -> pa.ChunkedArray:
    """The text as a column of the vocabulary's type.

    Raises:
        DataError: it is no value of that type; says what values are such as.
    """
    kind = known.values.type
    is_zoned = pa.types.is_timestamp(kind) and ZONE.search(text)
    try:
        given = pa.array([text])
        return pa.chunked_array([(given.cast(pa.timestamp("us", "UTC")) if is_zoned else given).cast(kind)])
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        there = ", ".join(repr(str(value)) for value in known.values[:3].to_pylist()) or "none yet"
        raise DataError(
            f"{text!r} is no {kind}, as all values of the column are. There are such as {there}."
        ) from error
