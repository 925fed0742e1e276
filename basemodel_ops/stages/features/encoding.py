"""The stage that fits encoders: what each column of a source is made of, up to the end of training."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import AttributeSource, Column, ColumnType, Contract, EventSource
from basemodel_ops.encoders import Encoder, Vocabulary, fit_encoder
from basemodel_ops.encoders.base import named_column
from basemodel_ops.encoders.time import known_moments
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, counts_query, events_query, first_event_query, rows_query

SKETCHED_ABOVE = 1000
"""Categories with more values than this are sketched; smaller ones are kept exactly."""

FITTED_ROWS = 1_000_000
"""Newest events from which the encoder of a column that is no category is fitted."""

COMMON = 0.5
"""Share of facts that may have the same moment for days since it to be told."""

Sizes = dict[str, float | int | str]


def categories(source: EventSource | AttributeSource) -> list[str]:
    """Names of the category columns."""
    return [column.name for column in source.columns if column.type is ColumnType.CATEGORY]


def numbers(source: EventSource | AttributeSource) -> list[str]:
    """Names of the number columns."""
    return [column.name for column in source.columns if column.type is ColumnType.NUMBER]


def moments(source: EventSource | AttributeSource) -> dict[str, bool]:
    """Names of the columns of moments with a date but the time of the events, and whether each is planned."""
    time = source.time if isinstance(source, EventSource) else None
    return {column.name: column.planned for column in source.columns if column.is_dated and column.name != time}


def others(source: EventSource | AttributeSource) -> dict[str, str]:
    """Types of the columns that are read and are no categories, by name."""
    return {
        column.name: column.type.value
        for column in source.columns
        if column.type not in (ColumnType.CATEGORY, ColumnType.IGNORE)
    }


def encoders(ws: Workspace, source: str) -> Report:
    """Vocabularies and encoders of a source, from what was there before the end of training."""
    is_event = source in {event.name for event in ws.contract.events}
    end = ws.snapshot().times.training_end

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[Sizes, dict[str, bytes]]:
        with ws.warehouse() as warehouse:
            if is_event:
                return _fit_event(ws.contract, ws.settings, warehouse, ws.contract.event(source), end, writer), {}
            return _fit_attributes(ws.settings, warehouse, ws.contract.attribute(source), end, writer), {}

    return ws.materialize(EncoderArtifact.key(source), write)


def columns_of(source: EventSource | AttributeSource) -> list[str]:
    """Every column of a source that is read."""
    if isinstance(source, EventSource):
        keys = [source.entity, source.time, *([source.session] if source.session else [])]
    else:
        keys = [source.key, *(name for name in (source.valid_from, source.valid_to) if name)]
    return list(dict.fromkeys([*keys, *categories(source), *others(source)]))


def _fit_event(
    contract: Contract, settings: Settings, warehouse: Warehouse, event: EventSource, end: int, writer: ArtifactWriter
) -> Sizes:
    sizes: Sizes = {}
    (first,) = microseconds(
        warehouse.read(first_event_query(event, to_datetime(end))).column(0).fill_null(to_datetime(end))
    )
    EncoderArtifact.write_first_event_time(writer, int(first))
    fitted: dict[str, Encoder] = {event.time: fit_encoder("time", [])}
    for name, kind in others(event).items():
        with named_column(name, event.name):
            fitted[name] = _fitted(settings, kind, _newest(warehouse, event, name, to_datetime(end)))
    EncoderArtifact.write_encoders(writer, fitted)
    for column in event.columns:
        if column.type is not ColumnType.CATEGORY:
            continue
        vocabulary = Vocabulary.from_table(warehouse.read(counts_query(event, column.name, to_datetime(end))))
        if column.references:
            source = contract.attribute(column.references)
            rows = known_items(warehouse, source, end)
            vocabulary = _with_unmentioned(event, column, vocabulary, rows)
            sizes |= _derive(settings, writer, column.name, vocabulary, source, in_order(rows, vocabulary.values))
        EncoderArtifact.write_vocabulary(writer, column.name, vocabulary)
        sizes[f"values_{column.name}"] = len(vocabulary)
    return sizes


def _newest(warehouse: Warehouse, event: EventSource, column: str, before: datetime) -> Iterator[pa.Array]:
    """The column of the newest events before `before`, the same rows whatever their order in the table."""
    query = events_query(event, [column], before, ordered=False)
    newest = exp.Ordered(this=column_of(event.time), desc=True)
    query = query.order_by(newest, column_of(event.entity), column_of(column)).limit(FITTED_ROWS)
    for batch in warehouse.batches(query, 65_536):
        yield batch.column(column)


def known_attributes(warehouse: Warehouse, source: AttributeSource, end: int) -> pa.Table:
    """The rows of an attribute source that are known before `end`, the newest last; `columns_of`, no null key."""
    table = warehouse.read(rows_query(source.relation, columns_of(source)))
    table = table.filter(pc.is_valid(table.column(source.key)))
    if source.valid_from:
        since = microseconds(table.column(source.valid_from))
        table = table.take(np.argsort(since, kind="stable")).filter(pa.array(np.sort(since) < end))
    return table.combine_chunks()


def known_items(warehouse: Warehouse, source: AttributeSource, end: int) -> pa.Table:
    """One row per item, the newest that is known before `end`."""
    table = known_attributes(warehouse, source, end)
    code = pc.dictionary_encode(table.column(source.key).combine_chunks()).indices.to_numpy()
    last = np.full(int(code.max(initial=-1)) + 1, -1)
    last[code] = np.arange(len(code))
    return table.take(pa.array(last)).combine_chunks()


def _with_unmentioned(event: EventSource, column: Column, vocabulary: Vocabulary, rows: pa.Table) -> Vocabulary:
    """The vocabulary, then the items that no event mentioned before the end of training, with a count of 0.

    They have facts, so what follows need not be blind to them: their codes and vectors come from their facts.

    Raises:
        DataError: none of the values is an item.
    """
    keys = rows.column(0).combine_chunks()
    code = vocabulary.encode(keys)
    if len(vocabulary) and not (code >= 0).any():
        raise DataError(
            f"No {column.name} of {event.name} is among the keys {rows.column_names[0]} of {column.references}. "
            "Make both columns the same ids in their dbt models, or remove `references`."
        )
    if not len(vocabulary):
        return Vocabulary(keys, np.zeros(len(keys), np.int64))
    unmentioned = keys.filter(pa.array(code < 0)).cast(vocabulary.values.type)
    values = pa.concat_arrays([vocabulary.values, unmentioned])
    return Vocabulary(values, np.concatenate([vocabulary.counts, np.zeros(len(unmentioned), np.int64)]))


def in_order(rows: pa.Table, values: pa.Array) -> pa.Table:
    """The row of each value, whose first column is its key; nulls where it is no item."""
    keys = rows.column(0).combine_chunks()
    row = Vocabulary(keys, np.zeros(len(keys), np.int64)).encode(values)
    return rows.take(pa.array(row, mask=row < 0)).combine_chunks()


def _fitted(settings: Settings, kind: str, batches: Iterable[pa.Array]) -> Encoder:
    """The encoder of a column type, with what the settings say of it."""
    options: dict[str, dict[str, object]] = {
        "text": {"seed": settings.seed},
        "image": {
            "seed": settings.seed,
            "architecture": settings.image_architecture,
            "weights": settings.image_weights,
        },
    }
    return fit_encoder(kind, batches, **options.get(kind, {}))


def _derive(
    settings: Settings,
    writer: ArtifactWriter,
    column: str,
    vocabulary: Vocabulary,
    source: AttributeSource,
    rows: pa.Table,
) -> Sizes:
    """Codes and cells of the attributes of every value, by the attribute's own vocabulary or encoder.

    Attributes are named `column.attribute`. Categories count an attribute as often as events mention its items.
    """
    sizes: Sizes = {}
    for attribute in categories(source):
        values = rows.column(attribute).combine_chunks()
        derived, codes = Vocabulary.of_groups(values, vocabulary.counts)
        attribute_name = f"{column}.{attribute}"
        EncoderArtifact.write_vocabulary(writer, attribute_name, derived)
        EncoderArtifact.write_attribute_codes(writer, attribute_name, codes)
        sizes[f"values_{attribute_name}"] = len(derived)
    fitted: dict[str, Encoder] = {}
    for attribute, kind in others(source).items():
        values = rows.column(attribute).combine_chunks()
        with named_column(attribute, source.name):
            fitted[attribute] = _fitted(settings, kind, [values])
        since = None if moments(source).get(attribute, True) else known_moments(values)[0]
        EncoderArtifact.write_attribute_cells(writer, f"{column}.{attribute}", fitted[attribute].cells(values), since)
    EncoderArtifact.write_encoders(writer, fitted, column)
    return sizes


def _fit_attributes(
    settings: Settings, warehouse: Warehouse, source: AttributeSource, end: int, writer: ArtifactWriter
) -> Sizes:
    sizes: Sizes = {}
    table = known_attributes(warehouse, source, end)
    for name in categories(source):
        values = table.column(name).combine_chunks()
        vocabulary, _ = Vocabulary.of_groups(values, np.ones(len(values), np.int64))
        EncoderArtifact.write_vocabulary(writer, name, vocabulary)
        sizes[f"values_{name}"] = len(vocabulary)
    fitted: dict[str, Encoder] = {}
    for name, kind in others(source).items():
        with named_column(name, source.name):
            fitted[name] = _fitted(settings, kind, [table.column(name)])
    EncoderArtifact.write_encoders(writer, fitted)
    if source.valid_from:
        dated = {source.valid_from: False, **moments(source)}
        varied = {name: planned for name, planned in dated.items() if _varies(table.column(name))}
        EncoderArtifact.write_moments(writer, varied)
    return sizes


def _varies(column: pa.ChunkedArray) -> bool:
    """Whether no moment is that of more than `COMMON` of the rows: days since one that all share are the date."""
    known = column.drop_null()
    return len(known) > 0 and pc.max(pc.value_counts(known).field("counts")).as_py() <= COMMON * len(known)
