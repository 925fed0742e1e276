"""Sorting events by (entity, time) outside of memory, for streams that arrive in any order.

A sort in the warehouse compares whole rows and spills them wide. Entities are numbers from 0 here, so one pass that
writes each event to the file of its range of entities, and a counting sort of one file at a time, does it in linear
time; memory holds one batch or one range.
"""

import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import mkstemp

import numpy as np
from numba import njit, prange

from basemodel_ops.encoders.hashing import mix
from basemodel_ops.representation.events import Events, concat

PARTS = 256
"""Ranges of entities; each is one file."""

PART_ROWS = 2_000_000
"""Events of one range that are sorted in memory; larger ranges are divided again."""

SHORT = 24
"""Histories up to this length are sorted by insertion."""


@njit(nogil=True, cache=True)
def _divide(entity_index: np.ndarray, first: int, size: int, counts: np.ndarray, order: np.ndarray) -> None:
    """Stable counting sort by range: events per range into `counts`, their rows into `order`."""
    counts[:] = 0
    for row in range(len(entity_index)):
        counts[(entity_index[row] - first) // size] += 1
    index = np.zeros(len(counts), np.int64)
    for part in range(1, len(counts)):
        index[part] = index[part - 1] + counts[part - 1]
    for row in range(len(entity_index)):
        part = (entity_index[row] - first) // size
        order[index[part]] = row
        index[part] += 1


@njit(parallel=True, nogil=True, cache=True)
def _add_ties(column: np.ndarray, salt: int, ties: np.ndarray) -> None:
    for row in prange(len(column)):
        ties[row] += mix(np.uint64(column[row]) + np.uint64(salt))


@njit(nogil=True, cache=True)
def _insert(keys: np.ndarray, second: np.ndarray, index: np.ndarray, begin: int, end: int) -> None:
    """Sort `index[begin:end]` by both keys."""
    for i in range(begin + 1, end):
        pair, j = index[i], i
        while j > begin:
            other = index[j - 1]
            if keys[other] < keys[pair] or (keys[other] == keys[pair] and second[other] <= second[pair]):
                break
            index[j] = other
            j -= 1
        index[j] = pair


@njit(parallel=True, nogil=True, cache=True)
def _sort_entities(start: np.ndarray, time: np.ndarray, ties: np.ndarray, rows: np.ndarray, order: np.ndarray) -> None:
    """Sort the rows of each entity by time, and those of one time by their ties, from `rows` into `order`."""
    for entity in prange(len(start) - 1):
        low, high = start[entity], start[entity + 1]
        # Keys stand side by side while they are compared: a row's own are anywhere in the range.
        keys, second = time[rows[low:high]], ties[rows[low:high]]
        index = np.argsort(keys) if high - low > SHORT else np.arange(high - low)
        begin = 0
        while begin < high - low:
            # A run is all of a short history, or the events of one time in a long one.
            end = high - low
            if high - low > SHORT:
                end = begin + 1
                while end < high - low and keys[index[end]] == keys[index[begin]]:
                    end += 1
            if end - begin > SHORT:
                run = index[begin:end].copy()
                index[begin:end] = run[np.argsort(second[run])]
            else:
                _insert(keys, second, index, begin, end)
            begin = end
        for i in range(high - low):
            order[low + i] = rows[low + index[i]]


def sorted_in_memory(events: Events, first: int, entities: int) -> Events:
    """The events of entities `first` to `first + entities` by (entity, time), equal times by content.

    Rows of the same entity and time are put in the order of a hash of all their columns, so that the result does not
    depend on the order of arrival.
    """
    counts, rows, order = np.zeros(entities, np.int64), *np.empty((2, len(events)), np.int64)
    _divide(events.entity_index, first, 1, counts, rows)
    ties = np.zeros(len(events), np.uint64)
    for salt, column in enumerate(events.columns()[2:]):
        _add_ties(column.view(np.uint32 if column.itemsize == 4 else np.uint64), salt * 0x9E3779B9, ties)
    _sort_entities(np.concatenate([[0], np.cumsum(counts)]), events.time, ties, rows, order)
    return events.take(order)


@dataclass
class _Range:
    """A file of events of neighbouring entities: blocks of whole columns, one after the other."""

    file: int
    rows: list[int] = field(default_factory=list)

    @classmethod
    def create(cls, directory: Path) -> "_Range":
        """A file without a name: it is gone when the range is, however the process ends."""
        file, name = mkstemp(dir=directory, prefix="events-")
        Path(name).unlink()
        range = cls(file)
        weakref.finalize(range, os.close, file)
        return range

    def append(self, events: Events) -> None:
        blocks = [np.ascontiguousarray(column).data.cast("B") for column in events.columns()]
        size = sum(block.nbytes for block in blocks)
        written = os.writev(self.file, blocks)
        if written < size:  # cut short by a signal or a full disk; the latter raises on the second try
            feature_set = memoryview(b"".join(blocks))[written:]
            while len(feature_set):
                feature_set = feature_set[os.write(self.file, feature_set) :]
        self.rows.append(len(events))

    def batches(self, template: Events) -> Iterator[Events]:
        """The events as they were appended."""
        os.lseek(self.file, 0, os.SEEK_SET)
        kinds = [column.dtype for column in template.columns()]
        for rows in self.rows:
            data = bytearray(rows * sum(kind.itemsize for kind in kinds))
            feature_set = memoryview(data)
            while len(feature_set):
                feature_set = feature_set[os.readv(self.file, [feature_set]) :]
            columns, offset = [], 0
            for kind in kinds:
                columns.append(np.frombuffer(data, kind, rows, offset))
                offset += rows * kind.itemsize
            yield template.with_columns(columns)

    def sorted(self, template: Events | None, first: int, entities: int) -> Events | None:
        """The events in order, after which the file is empty; None if there are none."""
        if template is None or not self.rows:
            return None
        events = concat(list(self.batches(template)))
        os.ftruncate(self.file, 0)  # the disk is free as soon as the events are in memory
        self.rows = []
        return sorted_in_memory(events, first, entities)


@dataclass(frozen=True)
class SortedRange:
    """Events of entities `first` to `first + entities`, on disk until they are loaded."""

    first: int
    entities: int
    load: Callable[[], Events | None]
    """The events in (entity, time) order, None if there are none; may be called in any thread."""


def sorted_ranges(events: Iterator[Events], entities: int, directory: Path) -> Iterator[SortedRange]:
    """Divide events, in whatever order they arrive, into ranges of entities that together hold every entity once.

    Args:
        events: Of entities 0 to `entities`, all with the same columns.
        entities: Number of entities.
        directory: Where temporary files may stand, about as large as the encoded events.
    """
    yield from _divided(events, 0, entities, directory)


def sorted_events(events: Iterator[Events], entities: int, directory: Path) -> Iterator[Events]:
    """The same events in (entity, time) order, whatever order they arrive in; see `sorted_ranges`."""
    for sorted_range in sorted_ranges(events, entities, directory):
        result = sorted_range.load()
        if result is not None:
            yield result


def _divided(events: Iterator[Events], first: int, entities: int, directory: Path) -> Iterator[SortedRange]:
    size = max(-(-entities // PARTS), 1)
    template: Events | None = None
    files = [_Range.create(directory) for _ in range(-(-entities // size))]
    counts = np.zeros(len(files), np.int64)
    for batch in events:
        if len(batch) == 0:
            continue
        template = batch.part(0, 0)
        order = np.empty(len(batch), np.int64)
        _divide(batch.entity_index, first, size, counts, order)
        ordered, low = batch.take(order), 0
        for part in np.flatnonzero(counts):
            files[part].append(ordered.part(low, low + counts[part]))
            low += counts[part]
    for low in range(first, first + entities, size):
        high = min(low + size, first + entities)
        entry = files.pop(0)  # held by no one but its range, so that the file goes after the range's work
        if template is not None and sum(entry.rows) > PART_ROWS and high - low > 1:
            yield from _divided(entry.batches(template), low, high - low, directory)
        else:
            yield SortedRange(low, high - low, partial(entry.sorted, template, low, high - low))
