"""Building representations shard by shard, from encoders, codes and histories as they stream by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.sparse import csr_array

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import category_columns
from basemodel_ops.contract.types import Contract, EventSource
from basemodel_ops.encoders import track_names
from basemodel_ops.encoders.time import WEEKS
from basemodel_ops.representation import (
    Density,
    EventReader,
    Events,
    History,
    Layout,
    SourcePlan,
    history_layout,
    history_values,
    stream_histories,
)
from basemodel_ops.representation.calendar import calendar_specs, calendar_values
from basemodel_ops.representation.item_numbers import measured_items
from basemodel_ops.representation.narrowing import LeftOut, narrow
from basemodel_ops.representation.terms import term_frequencies
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.attributes import read_attributes
from basemodel_ops.stages.features.embedding_artifact import CodesArtifact, EmbeddingArtifact
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.encoding import SKETCHED_ABOVE, categories, moments, numbers
from basemodel_ops.stages.features.reading import EVERYONE, Chosen, event_reader, read_entities, read_events
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import to_datetime, to_microseconds
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse

SHARD = 128
"""Entities whose rows are in memory at once, per worker."""


ROWS = 4096
"""Rows that are represented at once, per worker, about."""

GROUP = 2048
"""Entities that are represented and asked about at once."""


@dataclass(frozen=True)
class Part:
    """Neighbouring entities, their histories and the cutoffs of each."""

    first: int
    """Number of the first row."""
    low: int
    """Position of the first entity."""
    histories: list[History]
    cutoffs: np.ndarray  # (entities, cutoffs) microseconds, rows padded by their last
    row_index: tuple[np.ndarray, np.ndarray]  # entity and cutoff of each row in these

    @classmethod
    def of(cls, first: int, low: int, histories: list[History], entity: np.ndarray, cutoff: np.ndarray) -> "Part":
        """The part of rows that begins with row `first`; `entity` and `cutoff` (rows,) are ascending."""
        row_entity = entity.astype(np.int64) - low
        start = np.searchsorted(row_entity, np.arange(histories[0].entities + 1))
        counts = np.diff(start)
        column = np.arange(len(row_entity)) - start[row_entity]
        width = max(int(counts.max(initial=0)), 1)
        # Whoever has fewer rows repeats the last; an entity between them may have none.
        filled = start[:-1, None] + np.minimum(np.arange(width), np.maximum(counts - 1, 0)[:, None])
        matrix = np.where(counts[:, None] > 0, cutoff[np.minimum(filled, len(cutoff) - 1)], cutoff[0])
        return cls(first, low, histories, matrix, (row_entity, column))

    def __len__(self) -> int:
        return len(self.row_index[0])

    def rows_of(self, values: np.ndarray) -> np.ndarray:
        """What (entities, cutoffs, …) say of each row, (rows, …)."""
        flat = values.reshape(-1, *values.shape[2:])
        entity, column = self.row_index
        if len(self) == len(flat):  # a row of every pair, in their order
            return flat
        return flat.take(entity * values.shape[1] + column, axis=0)

    def take(self, rows: np.ndarray) -> "Part":
        """The same with chosen rows only (positions, ascending)."""
        row_entity, column = (index[rows] for index in self.row_index)
        return Part.of(self.first, self.low, self.histories, row_entity + self.low, self.cutoffs[row_entity, column])


def _groups(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of entities with these numbers of rows: padded to the longest about `ROWS` rows, or one entity."""
    first, longest = 0, 0
    for entity, count in enumerate(counts.tolist()):
        longest = max(longest, count)
        if entity > first and (entity + 1 - first) * longest > ROWS:
            yield first, entity
            first, longest = entity, count
    yield first, len(counts)


def source_plans(
    contract: Contract, settings: Settings, store: ArtifactStore, snapshot: Snapshot
) -> tuple[list[SourcePlan], list[LeftOut]]:
    """What of each event source goes into the representation, and what is left out of it so that it is not too wide."""
    plans = [_plan(settings, store, event) for event in contract.events]
    kept = {(source, column) for source, column, _ in snapshot.item_targets} | set(category_columns(contract))
    half_lives = settings.half_lives, settings.counted_half_lives, settings.windows
    return narrow(plans, settings.row_numbers, *half_lives, kept)


def _plan(settings: Settings, store: ArtifactStore, event: EventSource) -> SourcePlan:
    artifact = EncoderArtifact.current(store, event.name)
    items, vocabularies, codes, vectors = {}, {}, {}, {}
    event_columns = categories(event)
    for name, size in artifact.sizes.items():
        if size:
            items[name] = min(size, settings.top_items)
        if size > settings.top_items:
            vocabularies[name] = size
        if name in event_columns and size > SKETCHED_ABOVE:
            codes[name] = CodesArtifact.current(store, event.name, name).codes
            vectors[name] = EmbeddingArtifact.current(store, event.name, name).vectors
    cells: dict[str, int] = {}
    densities: dict[str, Density] = {}
    for name, encoder in artifact.encoders().items():
        tracks = track_names(name, len(encoder.widths))
        if encoder.is_density:
            densities[name] = Density(tuple(tracks), encoder.widths[0])
        else:
            cells |= dict(zip(tracks, encoder.widths, strict=True))
    for column in event.columns:
        if not column.references:
            continue
        for attribute, encoder in artifact.encoders(column.name).items():
            name = f"{column.name}.{attribute}"
            if encoder.is_density:
                table = artifact.cells_of_attribute(name)
                densities[name] = Density((column.name,), encoder.widths[0], table)
            else:
                cells |= dict(zip(track_names(name, len(encoder.widths)), encoder.widths, strict=True))
    own_first = dict(sorted(artifact.sizes.items(), key=lambda entry: entry[0] not in event_columns))
    measured = measured_items(own_first, numbers(event), len(settings.half_lives))
    # The week of the year of a cutoff says what the weeks of its events would.
    cells = {track: size for track, size in cells.items() if track != track_names(event.time, 3)[WEEKS]}
    return SourcePlan(
        event.name, artifact.first_event_time, tuple(numbers(event)), items, codes, vectors, settings.width,
        settings.depth, cells, densities, moments(event), vocabularies, measured,
    )  # fmt: skip


class Builder:
    """Builds representations shard by shard; memory does not grow with the number of events."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, before: int, chosen: Chosen = EVERYONE) -> None:
        """Read who the chosen entities are and what is known of them, but no event yet."""
        self.contract, self.settings, self.store, self.snapshot = ws.contract, ws.settings, ws.store, ws.snapshot()
        self._warehouse, self._before, self.chosen = warehouse, to_datetime(before), chosen
        settings = self.settings
        self.plans, self.left_out = source_plans(ws.contract, settings, ws.store, self.snapshot)
        self.entities = read_entities(ws.contract, warehouse, self._before, chosen)
        self.attributes = [
            read_attributes(
                warehouse, source, EncoderArtifact.current(ws.store, source.name), settings.top_items, self.entities,
                chosen,
            )
            for source in ws.contract.attributes
            if source.key == ws.contract.entity
        ]  # fmt: skip
        base = history_layout(self.plans, settings.half_lives, settings.counted_half_lives, settings.windows)
        specs = [(b.kind, b.source, b.column, b.detail, b.length) for b in base.blocks]
        for attributes in self.attributes:
            specs += attributes.layout
        times = self.snapshot.times
        self.calendar = calendar_specs(times.cutoffs[times.cutoffs < times.training_end])
        self.layout = Layout([*specs, *self.calendar])

    @classmethod
    def of(
        cls, ws: Workspace, warehouse: Warehouse, as_of: datetime, entities: Iterable[object] | None = None
    ) -> "Builder":
        """What represents entities, or all, by their events before a cutoff."""
        only = None if entities is None else tuple(entities)
        return cls(ws, warehouse, to_microseconds(as_of), Chosen(only=only))

    def histories(self, shard: int = SHARD) -> Iterator[tuple[int, list[History]]]:
        """First entity and the histories of `shard` entities at a time, one per source."""
        sources = [self._events(event, plan) for event, plan in zip(self.contract.events, self.plans, strict=True)]
        return stream_histories(sources, len(self.entities), shard)

    def _events(self, event: EventSource, plan: SourcePlan) -> Iterator[Events]:
        """The events of a source; where the chosen entities have none, they have its columns all the same."""
        reader = self._reader(event, plan)
        yield reader.empty_events()
        yield from read_events(self.settings, self._warehouse, event, reader, self._before, self.chosen)

    def _reader(self, event: EventSource, plan: SourcePlan) -> EventReader:
        tracks = {
            *plan.top_items,
            *plan.cells,
            *(track for density in plan.densities.values() for track in density.tracks),
        }
        encoder = EncoderArtifact.current(self.store, event.name)
        return event_reader(self.contract, event, encoder, self.entities, tracks)

    def parts(self, entity: np.ndarray, cutoff: np.ndarray, shard: int = SHARD) -> Iterator["Part"]:
        """The histories behind rows, ascending by entity and cutoff, about `ROWS` rows at a time.

        Args:
            entity: Position of the entity of each row, (rows,).
            cutoff: Microseconds, (rows,).
            shard: Entities whose histories are in memory at once, per worker.
        """
        for low, histories in self.histories(shard):
            high = low + histories[0].entities
            start = np.searchsorted(entity, np.arange(low, high + 1))
            for first, until in _groups(np.diff(start)):
                begin, end = start[first], start[until]
                in_range = [history.part(first, until) for history in histories]
                most = ROWS if until == first + 1 else max(end - begin, 1)  # one entity may have any number of rows
                for row in range(begin, end, most):
                    part_rows = slice(row, min(row + most, end))
                    yield Part.of(int(row), low + first, in_range, entity[part_rows], cutoff[part_rows])

    def represent(self, part: "Part") -> np.ndarray:
        """The rows of a part, float16 (rows, length)."""
        return part.rows_of(self.values(part.low, part.histories, part.cutoffs))

    def terms(self, part: "Part") -> csr_array:
        """How often the rows of a part had each of many items, float32 (rows, items): see `term_frequencies`."""
        count = part.histories[0].entities
        cutoffs = np.broadcast_to(part.cutoffs, (count, part.cutoffs.shape[-1]))
        entity, column = part.row_index
        return term_frequencies(part.histories, self.plans, cutoffs)[entity * cutoffs.shape[1] + column]

    def values(self, low: int, histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
        """The representation of a shard that begins with entity `low`, float16 (entities, cutoffs, length).

        Cutoffs are (cutoffs,), or of each entity (entities, cutoffs).
        """
        high, settings = low + histories[0].entities, self.settings
        half_lives, counted = settings.half_lives, settings.counted_half_lives
        values = history_values(histories, self.plans, cutoffs, half_lives, counted, settings.windows)
        calendar = calendar_values(cutoffs, self.calendar)
        calendar = np.broadcast_to(calendar, (high - low, *calendar.shape[-2:]))
        attributes = [attributes.at(low, high, cutoffs) for attributes in self.attributes]
        return np.concatenate([values, *attributes, calendar], axis=2)
