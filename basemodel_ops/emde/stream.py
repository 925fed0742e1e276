"""Sketches from a stream of events: memory holds one shard of entities, however many events there are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from basemodel_ops.emde.codes import compact
from basemodel_ops.emde.cutoffs import per_entity
from basemodel_ops.emde.decay import rates_of
from basemodel_ops.emde.histories import checked_weights
from basemodel_ops.emde.kernels import segment, sketch_entities
from basemodel_ops.errors import DataError


@dataclass(frozen=True)
class Shard:
    """Finished sketches of entities `first` to `first + len(values)`."""

    first: int
    values: np.ndarray  # (entities, cutoffs, half-lives, depth x width) float32


class SketchStream:
    """Takes events in (entity, time) order, batch by batch, and hands out finished shards.

    An entity whose events cross a border of batches is carried over as its sketch, which stands unfinished in the shard
    at hand; the sums run in the same order whatever the borders, so the bytes are the same.
    """

    def __init__(
        self,
        entities: int,
        table: np.ndarray,
        width: int,
        cutoffs: np.ndarray,
        half_lives: np.ndarray,
        shard: int = 256,
    ) -> None:
        """Prepare for `entities` entities.

        Args:
            table: Cell of each element per depth row, (elements, depth).
            cutoffs: Ascending, in the unit of the events' times, shared by all entities, (cutoffs,).
            half_lives: In that unit.
            shard: Entities handed out at once; a dense shard takes shard x cutoffs x half-lives x cells x 4 bytes.

        Raises:
            ValueError: there is no cutoff, they do not ascend, or they are not shared.
        """
        if cutoffs.ndim != 1 or len(cutoffs) == 0:
            raise ValueError(f"A stream has cutoffs for all of its entities, (cutoffs,), not {cutoffs.shape} of them.")
        self._entities, self._shard = entities, shard
        self._table, self._width = compact(table, width), width
        self._cutoffs, self._rates = per_entity(cutoffs, shard), rates_of(half_lives)  # (shard, cutoffs)
        self._shape = (len(cutoffs), len(half_lives), table.shape[1] * width)
        self._entity_index, self._open_cutoff, self._last = -1, -1, np.zeros(1, np.int64)
        self._first = 0
        self._open()

    def _open(self) -> None:
        rows = min(self._shard, self._entities - self._first)
        self._out = np.empty((max(rows, 0), *self._shape), np.float32)
        self._filled = np.zeros(max(rows, 0), bool)

    def _run(
        self, start: np.ndarray, names: np.ndarray, events: tuple[np.ndarray, np.ndarray, np.ndarray], is_open: bool
    ) -> None:
        time, codes, weights = events
        out_row = (names - self._first).astype(np.int64)
        self._open_cutoff = sketch_entities(
            start, out_row, time, codes, weights, self._table, self._width, self._cutoffs, self._rates,
            self._open_cutoff, is_open, self._out.reshape(*self._out.shape[:2], -1),
        )  # fmt: skip
        self._filled[out_row] = True

    def _close(self) -> Shard:
        """Finish the entity that is carried, and hand out its shard."""
        if self._entity_index >= 0:
            self._finish_entity()
        self._out[~self._filled] = 0
        shard = Shard(self._first, self._out)
        self._first += len(self._out)
        self._open()
        return shard

    def _finish_entity(self) -> None:
        nothing = (self._last[:0], np.zeros(0, np.int32), np.zeros(0, np.float32))
        self._run(np.zeros(2, np.int64), np.array([self._entity_index]), nothing, is_open=False)
        self._entity_index, self._open_cutoff = -1, -1

    def add(
        self, entity_index: np.ndarray, time: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
    ) -> Iterator[Shard]:
        """Add events and hand out the shards that they complete; exhaust it before the next call.

        Args:
            entity_index: Entity of each event, ascending over all batches, (events,).
            time: Ascending in each entity, (events,).
            codes: Row of the table of each event; negative ones are skipped, int32 (events,).
            weights: Non-negative factor of each event; those that are not finite count as 0.

        Raises:
            DataError: events are out of order, name an entity that is not there, or carry a negative weight.
        """
        if len(entity_index) == 0:
            return
        factors = checked_weights(weights)
        start, names = np.empty(len(entity_index) + 1, np.int64), np.empty(len(entity_index), np.int64)
        runs = segment(entity_index, time, start, names)
        self._check(runs, entity_index, time)
        start, names = start[: runs + 1], names[:runs]
        if self._entity_index >= 0 and names[0] != self._entity_index:
            self._finish_entity()
        low = 0
        while low < runs:
            while names[low] >= self._first + len(self._out):
                yield self._close()
            high = int(np.searchsorted(names, self._first + len(self._out), side="left"))
            begin, end = start[low], start[high]
            part = (time[begin:end], codes[begin:end], factors[begin:end] if len(factors) else factors)
            # Only the batch's last entity can go on in the next batch.
            is_open = high == runs
            self._run(start[low : high + 1] - begin, names[low:high], part, is_open)
            if is_open:
                self._entity_index, self._last = int(names[-1]), time[-1:].copy()
            else:
                self._entity_index, self._open_cutoff = -1, -1
            low = high

    def _check(self, runs: int, entity_index: np.ndarray, time: np.ndarray) -> None:
        if runs < 0:
            row = -1 - runs
            raise DataError(
                f"Events are not in the order of entity and time: entity {entity_index[row]} at {time[row]} follows "
                "entity "
                f"{entity_index[row - 1]} at {time[row - 1]}. Order the query by both, or partition the stream."
            )
        if entity_index[0] < 0 or entity_index[-1] >= self._entities:
            raise DataError(
                f"Events name entities {entity_index[0]} to {entity_index[-1]}; there are 0 to {self._entities - 1}. "
                "Read entities and events up to the same moment."
            )
        late = self._entity_index >= 0 and entity_index[0] == self._entity_index and time[0] < self._last[0]
        if entity_index[0] < max(self._entity_index, self._first) or late:
            raise DataError(
                f"A batch starts with entity {entity_index[0]} at {time[0]}, which is before the end of the batch "
                "ahead of it."
            )

    def finish(self) -> Iterator[Shard]:
        """Hand out the rest; entities without events get zeros."""
        while self._first < self._entities:
            yield self._close()
