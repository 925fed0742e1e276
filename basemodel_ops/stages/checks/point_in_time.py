"""Whether what is learnt from knows what came after: rows built once more from futures that were shuffled."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.report import CheckResult
from basemodel_ops.representation import Events, History, stream_histories, target_values
from basemodel_ops.representation.events import concat
from basemodel_ops.representation.sorting import sorted_in_memory
from basemodel_ops.stages.features.activity_targets import kept_columns
from basemodel_ops.stages.features.attributes import EntityAttributes
from basemodel_ops.stages.features.builder import ROWS, SHARD, Builder, Part
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.examples import cold
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.features.feature_store import WIDE
from basemodel_ops.stages.features.reading import Chosen, event_reader
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import events_query

SAMPLED_CUTOFFS = 3
"""Cutoffs from which on the world is shuffled, each by itself, evenly over the grid."""

COMPARED = 10_000
"""Rows that are built again, at most, unless one entity has more: on a long grid it has thousands."""


def check_point_in_time(ws: Workspace) -> CheckResult:
    """No byte of a row to learn from depends on what happens at or after its cutoff, nor a target on what is later.

    The rows of some entities are built again from events whose every column is shuffled from a moment on, between
    these entities and in time, and from facts shuffled likewise. All rows up to that moment must be those on disk. The
    targets of pretraining are built again with the world shuffled from the end of training on.
    """
    examples, snapshot = ExamplesArtifact.current(ws.store), ws.snapshot()
    times, generator = snapshot.times, np.random.default_rng(ws.settings.seed)
    chosen = sampled_entities(examples.entity, generator)
    selected = np.flatnonzero(np.isin(examples.entity, chosen))
    with ws.warehouse() as warehouse:
        only = tuple(examples.entities.values.take(pa.array(chosen)).to_pylist())
        builder = Builder(ws, warehouse, times.data_end + 1, Chosen(only=only, cold=cold(ws.contract, snapshot)))
        sources = _events(warehouse, builder, times.data_end + 1)
    entity = np.searchsorted(chosen, examples.entity[selected])
    stored = _Stored(examples, selected, entity)
    differing, rows, moved = _inputs(examples, builder, sources, stored, generator)
    histories = _histories(builder, sources, times.training_end, generator)
    targets, wrong = _targets(examples, builder, histories, stored, snapshot)
    blocks = [block for block in examples.layout.blocks if differing[block.offset : block.end].any()]
    names = ", ".join(sorted({f"{block.kind} of {block.source} {block.column}".strip() for block in blocks}))
    text = f"{rows} rows are the same, byte for byte, whatever comes after them; so are {targets} targets."
    if blocks:
        text = (
            f"Inputs change with events or facts at or after their cutoff: {names}. They know what is to be foreseen."
        )
    elif wrong:
        text = f"{wrong} of {targets} rows of pretraining targets change with events after the end of training."
    return CheckResult(
        "no_future",
        not blocks and not wrong,
        text,
        {
            "rows": rows, "bytes": rows * examples.layout.length * 2, "targets": targets,
            "entities": len(chosen), "events_moved": moved,
        },
    )  # fmt: skip


def sampled_entities(entity: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A few of the entities of rows (rows,), ascending: `SHARD`, or as many as have `COMPARED` rows, at least one.

    Whole entities, since decayed sums go from one cutoff to the next: without some of them they would round otherwise.
    """
    known, counts = np.unique(entity, return_counts=True)
    order = generator.permutation(len(known))[:SHARD]
    enough = max(int((np.cumsum(counts[order]) <= COMPARED).sum()), 1)
    return np.sort(known[order[:enough]])


def _events(warehouse: Warehouse, builder: Builder, before: int) -> list[Events]:
    """All events of the builder's entities, per source."""
    results = []
    for source in builder.contract.events:
        encoder = EncoderArtifact.current(builder.store, source.name)
        reader = event_reader(builder.contract, source, encoder, builder.entities)
        query = events_query(source, reader.columns, to_datetime(before), ordered=False)
        table = warehouse.read(builder.chosen.of(warehouse, query, source.entity))
        batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        results.append(concat(list(reader.read(batches))))
    return results


def _histories(
    builder: Builder, sources: list[Events], timestamp: int, generator: np.random.Generator
) -> list[History]:
    """Histories of all of the builder's entities, shuffled from `timestamp` on."""
    count = len(builder.entities)
    shuffled = [_without_later_events(events, timestamp, generator) for events in sources]
    streams = [iter([sorted_in_memory(events, 0, count)]) for events in shuffled]
    ((_, histories),) = stream_histories(streams, count, count)
    return histories


def _without_later_events(events: Events, timestamp: int, generator: np.random.Generator) -> Events:
    """The events, with every column shuffled by itself among those at or after `timestamp`."""
    later = np.flatnonzero(events.time >= timestamp)
    columns = [column.copy() for column in events.columns()]
    for column in columns:
        column[later] = column[generator.permutation(later)]
    return events.with_columns(columns)


def _without_later_attributes(
    attributes: EntityAttributes, timestamp: int, generator: np.random.Generator
) -> EntityAttributes:
    """The facts, with those known only from `timestamp` on shuffled, and so are ends and moments that come later."""
    later, ends = np.flatnonzero(attributes.since >= timestamp), np.flatnonzero(attributes.until >= timestamp)
    values, until = attributes.values.copy(), attributes.until.copy()
    values[later] = values[generator.permutation(later)]
    until[ends] = until[generator.permutation(ends)]
    moments = []
    for moment in attributes.moments:
        dates = moment.timestamp.copy()
        dates[later] = dates[generator.permutation(later)]
        unknown = later if moment.planned else np.flatnonzero(dates >= timestamp)
        dates[unknown] = dates[generator.permutation(unknown)]
        if moment.features is not None:
            values[unknown, moment.features] = values[generator.permutation(unknown), moment.features]
        moments.append(replace(moment, timestamp=dates))
    return replace(attributes, values=values, until=until, moments=tuple(moments))


class _Stored:
    """Rows of some entities as they are on disk."""

    def __init__(self, examples: ExamplesArtifact, rows: np.ndarray, entity: np.ndarray) -> None:
        """The rows of these numbers, whose entities are these of the builder's."""
        self.rows, self.entity, self.cutoff = rows, entity, examples.cutoff[rows]
        wide = np.isin(np.arange(examples.layout.length), examples.positions(*WIDE))
        self._narrow, self._wide = np.flatnonzero(~wide), np.flatnonzero(wide)
        self._is_wide = examples.is_wide[rows]
        self._values = examples.gather(rows, self._narrow)
        self._sketches = examples.gather(rows[self._is_wide], self._wide)
        self._row_index = np.cumsum(self._is_wide) - 1

    def parts(self, histories: list[History], chosen: np.ndarray) -> Iterator[tuple[np.ndarray, Part]]:
        """Some of the rows (positions), entity by entity, and what they are represented from."""
        for entity in np.unique(self.entity[chosen]):
            entity_rows = chosen[self.entity[chosen] == entity]
            entity_histories = [history.part(entity, entity + 1) for history in histories]
            for low in range(0, len(entity_rows), ROWS):  # as many at once as when they were stored
                rows = entity_rows[low : low + ROWS]
                yield rows, Part.of(0, int(entity), entity_histories, self.entity[rows], self.cutoff[rows])

    def same(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Which numbers of rows (positions) are the ones on disk, byte for byte, bool (rows, length)."""
        result = np.ones(values.shape, bool)
        result[:, self._narrow] = _bits(values[:, self._narrow]) == _bits(self._values[rows])
        wide = np.flatnonzero(self._is_wide[rows])
        kept = self._sketches[self._row_index[rows[wide]]]
        result[np.ix_(wide, self._wide)] = _bits(values[np.ix_(wide, self._wide)]) == _bits(kept)
        return result


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint16)


def _inputs(
    examples: ExamplesArtifact, builder: Builder, sources: list[Events], stored: _Stored, generator: np.random.Generator
) -> tuple[np.ndarray, int, int]:
    """Which numbers of rows change with what comes after them, bool (length,); rows compared, and events moved."""
    differing = np.zeros(examples.layout.length, bool)
    rows = moved = 0
    cutoffs = np.unique(stored.cutoff)
    for last in np.unique(np.linspace(0, len(cutoffs) - 1, SAMPLED_CUTOFFS + 2)[1:-1].astype(int)):
        timestamp = int(cutoffs[last])
        shuffled = copy(builder)
        shuffled.attributes = [
            _without_later_attributes(attributes, timestamp, generator) for attributes in builder.attributes
        ]
        histories = _histories(builder, sources, timestamp, generator)
        early = np.flatnonzero(stored.cutoff <= timestamp)
        for early_rows, part in stored.parts(histories, early):
            same = stored.same(early_rows, shuffled.represent(part))
            differing |= ~same.all(axis=0)
            rows += len(same)
        moved += sum(int((events.time >= timestamp).sum()) for events in sources)
    return differing, rows, moved


def _targets(
    examples: ExamplesArtifact, builder: Builder, histories: list[History], stored: _Stored, snapshot: Snapshot
) -> tuple[int, int]:
    """Pretraining targets of the rows, and how many of them are not those of these histories."""
    compared = differing = 0
    columns = kept_columns(examples.targets)
    for kind, positions in columns.items():
        row, kept = examples.sample(kind)
        index = np.flatnonzero(np.isin(row, stored.rows))
        at = np.searchsorted(stored.rows, row[index])
        for rows, part in stored.parts(histories, at):
            result = target_values(
                part.histories, builder.plans, part.cutoffs, snapshot.activity_horizons, snapshot.item_horizons,
                snapshot.times.training_end,
            )[part.row_index][:, positions]  # fmt: skip
            before = kept[index[np.searchsorted(at, rows)]]
            compared += len(rows)
            differing += int((_bits(result) != _bits(before)).any(axis=1).sum())
    return compared, differing
