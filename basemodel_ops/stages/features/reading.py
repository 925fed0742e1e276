"""Streaming a source into encoded events. Every read has an upper bound in time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.types import EventSource
from basemodel_ops.encoders import Vocabulary, track_names
from basemodel_ops.representation import EventReader, Events, History, sorted_events, stream_histories
from basemodel_ops.scratch import scratch_folder
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories, numbers
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, entities_query, events_query


@dataclass(frozen=True)
class Chosen:
    """Which entities are read: a share of all, by a hash, those that another query names, or these."""

    share: float = 1.0
    among: exp.Query | None = None
    only: tuple[object, ...] | None = None
    also: exp.Select | None = None
    """Entities beside the share, one column."""
    cold: tuple[exp.Query, ...] = ()
    """Whom tasks ask about, one column `entity` each: they are read even where nothing happened to them yet."""

    def of(self, warehouse: Warehouse, query: exp.Select, column: str) -> exp.Select:
        """The rows of a query whose `column` is such an entity."""
        if self.among is not None:
            query = query.where(exp.In(this=column_of(column), query=self.among.copy().subquery()))
        if self.only is not None:
            query = query.where(column_of(column).isin(*map(exp.convert, self.only)))
        return warehouse.sampled(query, column, self.share, self.also)


EVERYONE = Chosen()


def sample_of(most: int, events: int) -> Chosen:
    """The share of entities whose events are about `most` of all `events`."""
    return Chosen(min(1.0, most / max(events, 1)))


def read_entities(ws: Workspace, warehouse: Warehouse, before: datetime, chosen: Chosen = EVERYONE) -> Vocabulary:
    """The chosen entities with an event before `before`, or whom a task asks about all the same, in their order."""
    query = entities_query(ws.contract, before, chosen.cold)
    return Vocabulary.from_entities(warehouse.read(chosen.of(warehouse, query, "entity")))


def event_reader(
    ws: Workspace, event: EventSource, entities: Vocabulary, tracks: Collection[str] | None = None
) -> EventReader:
    """The reader of everything that is read of a source, with the codes of the items that it mentions.

    Of codes of facts of items only those in `tracks` are read, where it is given.
    """
    artifact = EncoderArtifact.current(ws, event.name)
    maps: dict[str, tuple[str, np.ndarray]] = {}
    for column in event.columns:
        if not column.references:
            continue
        for attribute in categories(ws.contract.attribute(column.references)):
            name = f"{column.name}.{attribute}"
            if tracks is not None and name not in tracks:
                continue
            maps[name] = (column.name, artifact.codes_of_attribute(name))
        for attribute, encoder in artifact.encoders(column.name).items():
            if encoder.is_density:
                continue
            name = f"{column.name}.{attribute}"
            wanted = track_names(name, len(encoder.widths))
            if tracks is not None and not set(wanted) & set(tracks):
                continue
            cells = artifact.cells_of_attribute(name)
            for row, track in enumerate(wanted):
                maps[track] = (column.name, cells[:, row])
    vocabularies = {name: artifact.vocabulary(name) for name in categories(event)}
    return EventReader(
        event.name,
        entities,
        event.entity,
        event.time,
        event.session,
        vocabularies,
        tuple(numbers(event)),
        maps,
        artifact.encoders(),
    )


def column_reader(ws: Workspace, event: EventSource, entities: Vocabulary, column: str) -> EventReader:
    """The reader of one category column and the sessions."""
    vocabulary = EncoderArtifact.current(ws, event.name).vocabulary(column)
    return EventReader(event.name, entities, event.entity, event.time, event.session, {column: vocabulary})


def read_events(
    ws: Workspace, warehouse: Warehouse, event: EventSource, reader: EventReader, before: datetime,
    chosen: Chosen = EVERYONE,
) -> Iterator[Events]:  # fmt: skip
    """Events of the chosen entities strictly before `before` in (entity, time) order, a range of entities at a time.

    They wait in temporary files under the home, not in memory.
    """
    query = chosen.of(warehouse, events_query(event, reader.columns, before, ordered=False), event.entity)
    with scratch_folder(ws.settings.home, "sorting") as folder:
        batches = warehouse.batches(query, ws.settings.batch_rows)
        yield from sorted_events(reader.read(batches), len(reader.entities), folder)


def read_history(
    ws: Workspace, warehouse: Warehouse, event: EventSource, entities: Vocabulary, before: datetime, column: str,
    chosen: Chosen = EVERYONE,
) -> History:  # fmt: skip
    """One category column of the chosen entities strictly before `before`, in memory."""
    if not len(entities):
        return History(np.zeros(1, np.int64), np.zeros(0, np.int64), None, {column: np.zeros(0, np.int32)}, {})
    events = read_events(ws, warehouse, event, column_reader(ws, event, entities, column), before, chosen)
    ((_, (history,)),) = stream_histories([events], len(entities), len(entities))  # all entities are one shard
    return history
