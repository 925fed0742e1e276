"""Streaming a source into encoded events. Every read has an upper bound in time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.types import Contract, EventSource
from basemodel_ops.encoders import Vocabulary, track_names
from basemodel_ops.representation import EventReader, Events, History, sorted_events, stream_histories
from basemodel_ops.scratch import scratch_folder
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import categories, moments, numbers
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


def read_entities(contract: Contract, warehouse: Warehouse, before: datetime, chosen: Chosen = EVERYONE) -> Vocabulary:
    """The chosen entities with an event before `before`, or whom a task asks about all the same, in their order."""
    query = entities_query(contract, before, chosen.cold)
    return Vocabulary.from_entities(warehouse.read(chosen.of(warehouse, query, "entity")))


def event_reader(
    contract: Contract, event: EventSource, encoder: EncoderArtifact, entities: Vocabulary,
    tracks: Collection[str] | None = None,
) -> EventReader:  # fmt: skip
    """The reader of everything that is read of a source, with the codes of the items that it mentions.

    Of codes of facts of items only those in `tracks` are read, where it is given.
    """
    maps: dict[str, tuple[str, np.ndarray]] = {}
    since: dict[str, np.ndarray] = {}
    for column in event.columns:
        if not column.references:
            continue
        for attribute in categories(contract.attribute(column.references)):
            name = f"{column.name}.{attribute}"
            if tracks is not None and name not in tracks:
                continue
            maps[name] = (column.name, encoder.codes_of_attribute(name))
        for attribute, fitted in encoder.encoders(column.name).items():
            if fitted.is_density:
                continue
            name = f"{column.name}.{attribute}"
            wanted = track_names(name, len(fitted.widths))
            if tracks is not None and not set(wanted) & set(tracks):
                continue
            cells, known_since = encoder.cells_of_attribute(name), encoder.known_since(name)
            for row, track in enumerate(wanted):
                maps[track] = (column.name, cells[:, row])
                if known_since is not None:
                    since[track] = known_since
    vocabularies = {name: encoder.vocabulary(name) for name in categories(event)}
    return EventReader(
        event.name,
        entities,
        event.entity,
        event.time,
        event.session,
        vocabularies,
        tuple(numbers(event)),
        maps,
        encoder.encoders(),
        moments(event),
        since,
    )


def column_reader(event: EventSource, entities: Vocabulary, column: str, vocabulary: Vocabulary) -> EventReader:
    """The reader of one category column and the sessions."""
    return EventReader(event.name, entities, event.entity, event.time, event.session, {column: vocabulary})


def read_events(
    settings: Settings, warehouse: Warehouse, event: EventSource, reader: EventReader, before: datetime,
    chosen: Chosen = EVERYONE,
) -> Iterator[Events]:  # fmt: skip
    """Events of the chosen entities strictly before `before` in (entity, time) order, a range of entities at a time.

    They wait in temporary files under the home, not in memory.
    """
    query = chosen.of(warehouse, events_query(event, reader.columns, before, ordered=False), event.entity)
    with scratch_folder(settings.home, "sorting") as folder:
        batches = warehouse.batches(query, settings.batch_rows)
        yield from sorted_events(reader.read(batches), len(reader.entities), folder)


def read_history(
    settings: Settings, warehouse: Warehouse, event: EventSource, reader: EventReader, before: datetime,
    chosen: Chosen = EVERYONE,
) -> History:  # fmt: skip
    """What a `column_reader` reads of the chosen entities strictly before `before`, in memory."""
    entities = reader.entities
    if not len(entities):
        item_ids = {column: np.zeros(0, np.int32) for column in reader.categories}
        return History(np.zeros(1, np.int64), np.zeros(0, np.int64), None, item_ids, {})
    events = read_events(settings, warehouse, event, reader, before, chosen)
    ((_, (history,)),) = stream_histories([events], len(entities), len(entities))  # all entities are one shard
    return history
