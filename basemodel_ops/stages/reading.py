"""Streaming a source into encoded events. Every read has an upper bound in time."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from basemodel_ops.contract.types import EventSource
from basemodel_ops.encoders import Vocabulary, track_names
from basemodel_ops.representation import EventReader, Events, History, sorted_events, stream_histories
from basemodel_ops.stages.encoding import categories, encoders_of, numbers, vocabulary_of
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import events_query


def event_reader(ws: Workspace, event: EventSource, entities: Vocabulary) -> EventReader:
    """The reader of everything that is read of a source, with the codes of the things that it mentions."""
    artifact = ws.current(f"encoders/{event.name}")
    maps: dict[str, tuple[str, np.ndarray]] = {}
    for column in event.columns:
        if not column.references:
            continue
        for attribute in categories(ws.contract.attribute(column.references)):
            name = f"{column.name}.{attribute}"
            maps[name] = (column.name, artifact.arrays(f"map {name}")["codes"])
        for attribute, encoder in encoders_of(artifact, column.name).items():
            if encoder.is_density:
                continue
            name = f"{column.name}.{attribute}"
            cells = artifact.arrays(f"cells {name}")["cells"]
            for row, track in enumerate(track_names(name, cells.shape[1])):
                maps[track] = (column.name, cells[:, row])
    vocabularies = {name: vocabulary_of(artifact, name) for name in categories(event)}
    return EventReader(
        event.name,
        entities,
        event.entity,
        event.time,
        event.session,
        vocabularies,
        tuple(numbers(event)),
        maps,
        encoders_of(artifact),
    )


def column_reader(ws: Workspace, event: EventSource, entities: Vocabulary, column: str) -> EventReader:
    """The reader of one category column and the sessions."""
    vocabulary = vocabulary_of(ws.current(f"encoders/{event.name}"), column)
    return EventReader(event.name, entities, event.entity, event.time, event.session, {column: vocabulary})


def read_events(
    ws: Workspace, warehouse: Warehouse, event: EventSource, reader: EventReader, before: datetime
) -> Iterator[Events]:
    """Events strictly before `before` in (entity, time) order, a range of entities at a time.

    They wait in temporary files under the home, not in memory.
    """
    scratch = Path(ws.settings.home)
    scratch.mkdir(parents=True, exist_ok=True)
    query = events_query(event, reader.columns, before, ordered=False)
    with TemporaryDirectory(dir=scratch, prefix="sorting-") as folder:
        batches = warehouse.batches(query, ws.settings.batch_rows)
        yield from sorted_events(reader.read(batches), len(reader.entities), Path(folder))


def read_history(
    ws: Workspace, warehouse: Warehouse, event: EventSource, entities: Vocabulary, before: datetime, column: str
) -> History:
    """One category column of all entities strictly before `before`, in memory."""
    if not len(entities):
        return History(np.zeros(1, np.int64), np.zeros(0, np.int64), None, {column: np.zeros(0, np.int32)}, {})
    events = read_events(ws, warehouse, event, column_reader(ws, event, entities, column), before)
    ((_, (history,)),) = stream_histories([events], len(entities), len(entities))  # all entities are one shard
    return history
