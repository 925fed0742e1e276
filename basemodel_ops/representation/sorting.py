"""Sorting events by (entity, time) outside of memory, for streams that arrive in any order.

A sort in the warehouse compares whole rows and spills them wide. Entities are numbers from 0 here, so one pass that
writes each event to the file of its range of entities, and a counting sort of one file at a time, does it in linear
time; memory holds one batch or one range.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numba import njit, prange

from basemodel_ops.encoders.hashing import mix
from basemodel_ops.representation.events import Events, joined

PARTS = 64
"""Ranges of entities; each is one file."""

PART_ROWS = 4_000_000
"""Events of one range that are sorted in memory; larger ranges are divided again."""

SHORT = 24
"""Histories up to this length are sorted by insertion."""


@njit(nogil=True, cache=True)
def _divide(owner: np.ndarray, first: int, size: int, counts: np.ndarray, order: np.ndarray) -> None:
    """Stable counting sort by range: events per range into `counts`, their rows into `order`."""
    counts[:] = 0
    for row in range(len(owner)):
        counts[(owner[row] - first) // size] += 1
    place = np.zeros(len(counts), np.int64)
    for part in range(1, len(counts)):
        place[part] = place[part - 1] + counts[part - 1]
    for row in range(len(owner)):
        part = (owner[row] - first) // size
        order[place[part]] = row
        place[part] += 1


@njit(parallel=True, nogil=True, cache=True)
def _add_ties(column: np.ndarray, salt: int, ties: np.ndarray) -> None:
    for row in prange(len(column)):
        ties[row] += mix(np.uint64(column[row]) + np.uint64(salt))


@njit(nogil=True, cache=True)
def _is_later(time: np.ndarray, ties: np.ndarray, one: int, other: int) -> bool:
    return time[one] > time[other] or (time[one] == time[other] and ties[one] > ties[other])


@njit(parallel=True, nogil=True, cache=True)
def _sort_entities(start: np.ndarray, time: np.ndarray, ties: np.ndarray, order: np.ndarray) -> None:
    """Sort the rows of each entity in `order` by time, and rows of one time by their ties."""
    for entity in prange(len(start) - 1):
        low, high = start[entity], start[entity + 1]
        if high - low > SHORT:
            is_sorted = True
            for i in range(low + 1, high):
                if _is_later(time, ties, order[i - 1], order[i]):
                    is_sorted = False
                    break
            if is_sorted:
                continue
            rows = order[low:high].copy()
            rows = rows[np.argsort(ties[rows], kind="mergesort")]
            order[low:high] = rows[np.argsort(time[rows], kind="mergesort")]
            continue
        for i in range(low + 1, high):
            row, j = order[i], i
            while j > low and _is_later(time, ties, order[j - 1], row):
                order[j] = order[j - 1]
                j -= 1
            order[j] = row


def sorted_in_memory(events: Events, first: int, entities: int) -> Events:
    """The events of entities `first` to `first + entities` by (entity, time), equal times by content.

    Rows of the same entity and time are put in the order of a hash of all their columns, so that the result does not
    depend on the order of arrival.
    """
    counts, order = np.zeros(entities, np.int64), np.empty(len(events), np.int64)
    _divide(events.owner, first, 1, counts, order)
    ties = np.zeros(len(events), np.uint64)
    for salt, column in enumerate(events.columns()[2:]):
        _add_ties(column.view(np.uint32 if column.itemsize == 4 else np.uint64), salt * 0x9E3779B9, ties)
    _sort_entities(np.concatenate([[0], np.cumsum(counts)]), events.time, ties, order)
    return events.arranged(order)


@dataclass
class _Range:
    """A file of events of neighbouring entities: blocks of whole columns, one after the other."""

    file: int
    rows: list[int] = field(default_factory=list)

    def append(self, events: Events) -> None:
        blocks = [np.ascontiguousarray(column).data.cast("B") for column in events.columns()]
        size = sum(block.nbytes for block in blocks)
        written = os.writev(self.file, blocks)
        if written < size:  # cut short by a signal or a full disk; the latter raises on the second try
            view = memoryview(b"".join(blocks))[written:]
            while len(view):
                view = view[os.write(self.file, view) :]
        self.rows.append(len(events))

    def batches(self, like: Events) -> Iterator[Events]:
        """The events as they were appended."""
        os.lseek(self.file, 0, os.SEEK_SET)
        kinds = [column.dtype for column in like.columns()]
        for rows in self.rows:
            data = bytearray(rows * sum(kind.itemsize for kind in kinds))
            view = memoryview(data)
            while len(view):
                view = view[os.readv(self.file, [view]) :]
            columns, offset = [], 0
            for kind in kinds:
                columns.append(np.frombuffer(data, kind, rows, offset))
                offset += rows * kind.itemsize
            yield like.like(columns)


def sorted_events(events: Iterator[Events], entities: int, directory: Path) -> Iterator[Events]:
    """The same events in (entity, time) order, whatever order they arrive in.

    Args:
        events: Of entities 0 to `entities`, all with the same columns.
        entities: Number of entities.
        directory: Where temporary files may stand, about as large as the encoded events; they are removed.
    """
    yield from _sorted_range(events, 0, entities, directory)


def _sorted_range(events: Iterator[Events], first: int, entities: int, directory: Path) -> Iterator[Events]:
    size = max(-(-entities // PARTS), 1)
    like: Events | None = None
    with TemporaryDirectory(dir=directory, prefix="events-") as folder:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        files = [os.open(Path(folder) / f"{part}", flags, 0o600) for part in range(-(-entities // size))]
        ranges = [_Range(file) for file in files]
        try:
            counts = np.zeros(len(ranges), np.int64)
            for batch in events:
                if len(batch) == 0:
                    continue
                like = batch.part(0, 0)
                order = np.empty(len(batch), np.int64)
                _divide(batch.owner, first, size, counts, order)
                arranged, low = batch.arranged(order), 0
                for part in np.flatnonzero(counts):
                    ranges[part].append(arranged.part(low, low + counts[part]))
                    low += counts[part]
            for part, one in enumerate(ranges):
                if like is None or not one.rows:
                    continue
                low = first + part * size
                high = min(low + size, first + entities)
                if sum(one.rows) > PART_ROWS and high - low > 1:
                    yield from _sorted_range(one.batches(like), low, high - low, directory)
                else:
                    yield sorted_in_memory(joined(list(one.batches(like))), low, high - low)
                os.ftruncate(one.file, 0)
        finally:
            for file in files:
                os.close(file)
