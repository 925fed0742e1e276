"""Streaming a source into encoded histories. Every read has an upper bound in time."""

from datetime import datetime

import numpy as np
import pyarrow as pa
from pandas.util import hash_array

from basemodel_ops.contract.types import ColumnType, EventSource
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.representation import History
from basemodel_ops.stages.workspace import Workspace, microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import events_query

NO_SESSION = np.iinfo(np.int64).min


class Reader:
    """Reads histories of a fixed list of entities."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, entities: Vocabulary) -> None:
        self._ws, self._warehouse, self._entities = ws, warehouse, entities

    def read(self, event: EventSource, before: datetime, categories: list[str], numbers: list[str]) -> History:
        """Events strictly before `before`, with codes of own and referenced category columns.

        Raises:
            DataError: the warehouse did not hand the events out in the entities' order.
        """
        encoder = self._ws.current(f"encoders/{event.name}")
        known = {name: Vocabulary.from_table(encoder.table(name)) for name in categories}
        columns = [*([event.session] if event.session else []), *categories, *numbers]
        owners, times, sessions = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        codes = {name: [np.zeros(0, np.int32)] for name in categories}
        values = {name: [np.zeros(0, np.float32)] for name in numbers}
        for batch in self._warehouse.batches(events_query(event, columns, before), self._ws.settings.batch_rows):
            owners.append(self._entities.encode(batch.column(event.entity)))
            times.append(microseconds(batch.column(event.time)))
            if event.session:
                sessions.append(_session_ids(batch.column(event.session)))
            for name in categories:
                codes[name].append(known[name].encode(batch.column(name)))
            for name in numbers:
                values[name].append(batch.column(name).cast(pa.float32()).to_numpy(zero_copy_only=False))
        owner = np.concatenate(owners)
        if len(owner) and ((owner < 0).any() or (np.diff(owner) < 0).any()):
            raise DataError(
                f"Source {event.name} does not arrive in the order of its entities ({event.entity}). "
                "The table changed during the read, or the column's type differs between sources: run again."
            )
        joined = {name: np.concatenate(parts) for name, parts in codes.items()}
        for name in categories:
            column = next(c for c in event.columns if c.name == name)
            if column.references:
                for attribute in self._ws.contract.attribute(column.references).columns:
                    if attribute.type is ColumnType.CATEGORY:
                        mapping = encoder.arrays(f"map {name}.{attribute.name}")["codes"]
                        padded = np.append(mapping, -1).astype(np.int32)  # code -1, the unknown, maps to -1
                        joined[f"{name}.{attribute.name}"] = padded[joined[name]]
        return History(
            np.searchsorted(owner, np.arange(len(self._entities) + 1)).astype(np.int64),
            np.concatenate(times),
            _separated(np.concatenate(sessions)) if event.session else None,
            joined,
            {name: np.concatenate(parts) for name, parts in values.items()},
        )


def _session_ids(column: pa.Array) -> np.ndarray:
    """Sessions as int64: integers as they are, anything else by a hash of its text; nulls as `NO_SESSION`."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64()).fill_null(NO_SESSION).to_numpy(zero_copy_only=False)
    text = column.cast(pa.string())
    values = text.fill_null("").to_numpy(zero_copy_only=False).astype(object)
    hashed = hash_array(values).view(np.int64)  # pyright: ignore[reportCallIssue]
    return np.where(np.asarray(text.is_null()), NO_SESSION, hashed)


def _separated(sessions: np.ndarray) -> np.ndarray:
    """Every event without a session gets one of its own."""
    alone = np.flatnonzero(sessions == NO_SESSION)
    sessions[alone] = NO_SESSION + 1 + alone
    return sessions
