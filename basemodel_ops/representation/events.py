"""Batches of events, encoded: the currency between the warehouse and everything that learns from it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders import Encoder, Vocabulary, track_names
from basemodel_ops.encoders.base import flat, named_column
from basemodel_ops.encoders.hashing import hash_values
from basemodel_ops.encoders.number import floats
from basemodel_ops.encoders.time import known_moments
from basemodel_ops.errors import DataError
from basemodel_ops.representation.history import DAY

NO_SESSION = int(np.iinfo(np.int64).min)
"""Session of an event that has none: it stands alone."""


@dataclass(frozen=True)
class Events:
    """Events of one source; `entity_index` is the entity's position in the list of entities."""

    entity_index: np.ndarray  # (events,) int32
    time: np.ndarray  # (events,) int64, microseconds since 1970
    session: np.ndarray | None = None  # (events,) int64 hash, `NO_SESSION` where there is none
    item_ids: dict[str, np.ndarray] = field(default_factory=dict)  # per row of cells (events,) int32
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    """Per number column (events,) float32; per column of moments the days from the event to each."""

    def __len__(self) -> int:
        return len(self.entity_index)

    def part(self, low: int, high: int) -> "Events":
        """Events `low` to `high`, without a copy."""
        return self.take(slice(low, high))

    def take(self, rows: slice | np.ndarray) -> "Events":
        """These rows, in this order."""
        return Events(
            self.entity_index[rows],
            self.time[rows],
            None if self.session is None else self.session[rows],
            {name: codes[rows] for name, codes in self.item_ids.items()},
            {name: numbers[rows] for name, numbers in self.numbers.items()},
        )

    def columns(self) -> list[np.ndarray]:
        """All columns: owner, time, session if there is one, codes, numbers."""
        session = [] if self.session is None else [self.session]
        return [self.entity_index, self.time, *session, *self.item_ids.values(), *self.numbers.values()]

    def with_columns(self, columns: list[np.ndarray]) -> "Events":
        """Events with the names of these and other columns, in the order of `columns`."""
        entity_index, time, *rest = columns
        session = None if self.session is None else rest.pop(0)
        codes = dict(zip(self.item_ids, rest[: len(self.item_ids)], strict=True))
        numbers = dict(zip(self.numbers, rest[len(self.item_ids) :], strict=True))
        return Events(entity_index, time, session, codes, numbers)


def concat(parts: list[Events]) -> Events:
    """All events of the parts, which must have the same columns."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(part.columns() for part in parts), strict=True)
    return parts[0].with_columns([np.concatenate(column) for column in columns])


@dataclass(frozen=True)
class EventReader:
    """How the Arrow batches of a source become events.

    `maps` gives derived codes (a product's department) by name: the category column and the derived code of each of
    its values, which events before its time `since` do not know. `encoders` read columns of the other types, and may
    read the time of the events; their rows of cells are named by `track_names`. Of `moments` the days from the event to
    each are numbers; one that is not planned has no cells where it comes after its event, as it may have been filled in
    since.
    """

    source: str
    entities: Vocabulary
    entity: str
    time: str
    session: str | None = None
    categories: Mapping[str, Vocabulary] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    maps: Mapping[str, tuple[str, np.ndarray]] = field(default_factory=dict)
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    moments: Mapping[str, bool] = field(default_factory=dict)
    since: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Columns that are read."""
        session = [self.session] if self.session else []
        values = [*self.categories, *self.numbers, *self.encoders, *self.moments]
        return list(dict.fromkeys([self.entity, self.time, *session, *values]))

    def only(self, column: str) -> "EventReader":
        """The reader of one category column, or of one derived code, beside times and sessions."""
        maps = {name: derived for name, derived in self.maps.items() if name == column}
        key = maps[column][0] if maps else column
        return replace(self, categories={key: self.categories[key]}, numbers=(), maps=maps, encoders={}, moments={})

    def empty_events(self) -> Events:
        """No event, with all columns."""
        tracks = [track for name, encoder in self.encoders.items() for track in track_names(name, len(encoder.widths))]
        return Events(
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            np.zeros(0, np.int64) if self.session else None,
            {name: np.zeros(0, np.int32) for name in (*self.categories, *self.maps, *tracks)},
            {name: np.zeros(0, np.float32) for name in (*self.numbers, *self.moments)},
        )

    def read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Events]:
        """Encode batch by batch; values never seen get code -1, numbers that are missing are not-a-number.

        Raises:
            DataError: an event has no time or an entity that is not in the list, or ids are of another type.
        """
        padded = {name: (column, np.append(codes, -1).astype(np.int32)) for name, (column, codes) in self.maps.items()}
        known_since = {name: np.append(since, 0) for name, since in self.since.items()}
        for batch in batches:
            with named_column(self.entity, self.source):
                entity_index = self.entities.encode(batch.column(self.entity))
            if len(entity_index) and entity_index.min() < 0:
                row = int(entity_index.argmin())
                raise DataError(
                    f"Source {self.source} has an event of {self.entity} {batch.column(self.entity)[row]}, which is "
                    "not among the entities. The table changed during the read, or the entity is null: run again, or "
                    "filter such rows out in the dbt model."
                )
            time = microseconds(batch.column(self.time), self.source)
            leads = {name: self._lead_days(batch, name, time) for name in self.moments}
            codes = {}
            for name, known in self.categories.items():
                with named_column(name, self.source):
                    codes[name] = known.encode(batch.column(name))
            for name, (column, mapping) in padded.items():
                codes[name] = mapping[codes[column]]  # code -1, the unknown, maps to -1
                if name in known_since:
                    codes[name] = np.where(known_since[name][codes[column]] <= time, codes[name], np.int32(-1))
            for name, encoder in self.encoders.items():
                with named_column(name, self.source):
                    cells = encoder.cells(flat(batch.column(name)))
                if name in leads and not self.moments[name]:
                    cells = np.where(leads[name][:, None] > 0, -1, cells)
                for row, track in enumerate(track_names(name, cells.shape[1])):
                    codes[track] = np.ascontiguousarray(cells[:, row])
            yield Events(
                entity_index,
                time,
                _session_ids(batch.column(self.session)) if self.session else None,
                codes,
                {name: self._numbers(batch, name) for name in self.numbers} | leads,
            )

    def _lead_days(self, batch: pa.RecordBatch, name: str, time: np.ndarray) -> np.ndarray:
        """Days from each event to a moment that it names, float32 (rows,); not-a-number where that is not known."""
        with named_column(name, self.source):
            timestamp, is_known = known_moments(batch.column(name))
        return np.where(is_known, (timestamp - time) / DAY, np.nan).astype(np.float32)

    def _numbers(self, batch: pa.RecordBatch, name: str) -> np.ndarray:
        """A number column, float32 (rows,)."""
        with named_column(name, self.source), np.errstate(over="ignore"):  # beyond float32 is infinite: unknown
            return floats(batch.column(name)).astype(np.float32)


def microseconds(column: pa.Array, source: str) -> np.ndarray:
    """Instants in microseconds since 1970, int64 (rows,).

    Raises:
        DataError: one is missing, or they are no instants.
    """
    if column.null_count:
        raise DataError(f"{column.null_count} events of {source} have no time: filter them out in the dbt model.")
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise DataError(f"The time of {source} is of type {column.type}: cast it to a timestamp in the dbt model.")
    return column.cast(pa.timestamp("us", getattr(column.type, "tz", None))).cast(pa.int64()).to_numpy()


def _session_ids(column: pa.Array) -> np.ndarray:
    """Sessions as int64: integers as they are, anything else by its hash; `NO_SESSION` where there is none."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64(), safe=False).fill_null(NO_SESSION).to_numpy(zero_copy_only=False)
    hashes = hash_values(column).view(np.int64)
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), hashes, NO_SESSION)
