"""Streams of encoded events, aligned by entity: one shard of histories in memory, however many events there are."""

from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit

from basemodel_ops.errors import DataError
from basemodel_ops.representation.events import Events, concat
from basemodel_ops.representation.history import History


@njit(nogil=True, cache=True)
def _first_disorder(entity_index: np.ndarray, time: np.ndarray) -> int:
    """First event that is not in (owner, time) order, or -1."""
    for row in range(1, len(entity_index)):
        if entity_index[row] < entity_index[row - 1] or (
            entity_index[row] == entity_index[row - 1] and time[row] < time[row - 1]
        ):
            return row
    return -1


class _Cursor:
    """One source's events, taken entity by entity; holds what was read but not taken."""

    def __init__(self, number: int, batches: Iterator[Events]) -> None:
        self._number, self._batches = number, batches
        self._rest: Events | None = None
        self._template: Events | None = None
        self._last = (-1, 0)

    def _next(self) -> Events | None:
        batch = next(self._batches, None)
        if batch is None:
            return None
        self._template = batch.part(0, 0)
        if len(batch) == 0:
            return batch
        row = _first_disorder(batch.entity_index, batch.time)
        if row < 0 and (int(batch.entity_index[0]), int(batch.time[0])) < self._last:
            row = 0
        if row >= 0:
            raise DataError(
                f"Source {self._number} does not arrive in the order of entity and time: entity "
                f"{batch.entity_index[row]} at "
                f"{batch.time[row]} comes too late. Order the query by both, or use `sorted_events`."
            )
        self._last = (int(batch.entity_index[-1]), int(batch.time[-1]))
        return batch

    def take(self, low: int, high: int) -> History:
        """The history of entities `low` to `high`."""
        parts: list[Events] = []
        while True:
            batch, self._rest = (self._rest, None) if self._rest is not None else (self._next(), None)
            if batch is None:
                break
            cut = int(np.searchsorted(batch.entity_index, high, side="left"))
            parts.append(batch.part(0, cut))
            if cut < len(batch):
                self._rest = batch.part(cut, len(batch))
                break
        parts = [part for part in parts if len(part)] or ([self._template] if self._template is not None else [])
        events = concat(parts) if parts else Events(np.zeros(0, np.int32), np.zeros(0, np.int64))
        start = np.searchsorted(events.entity_index, np.arange(low, high + 1)).astype(np.int64)
        return History(start, events.time, events.session, events.item_ids, events.numbers)

    def check_end(self, entities: int) -> None:
        """DataError if events of entities that do not exist are left."""
        if self._rest is not None and len(self._rest):
            raise DataError(
                f"Source {self._number} names entity {self._rest.entity_index[0]}; there are 0 to {entities - 1}. Read "
                "entities and events up to the same moment."
            )


def stream_histories(
    sources: Sequence[Iterator[Events]], entities: int, shard: int
) -> Iterator[tuple[int, list[History]]]:
    """First entity and the history of every source, for `shard` entities at a time.

    Each source holds one shard and one batch in memory. Entities without events have empty histories.

    Args:
        sources: Events in (entity, time) order, as `EventReader.read` gives them from an ordered query, or
            `sorted_events` from any.
        entities: Number of entities.
        shard: Entities per step.

    Raises:
        DataError: a source is out of order or names an entity that is not there.
    """
    cursors = [_Cursor(number, source) for number, source in enumerate(sources)]
    for low in range(0, entities, shard):
        high = min(low + shard, entities)
        yield low, [cursor.take(low, high) for cursor in cursors]
    for cursor in cursors:
        cursor.take(entities, entities)
        cursor.check_end(entities)
