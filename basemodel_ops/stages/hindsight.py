"""Whether what is learnt from knows what came after: rows built once more from futures that were shuffled."""

from copy import copy
from dataclasses import replace

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.report import Finding
from basemodel_ops.representation import Events, History, Layout, future_values, stream_histories
from basemodel_ops.representation.events import joined
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.sorting import sorted_in_memory
from basemodel_ops.stages import futures as places
from basemodel_ops.stages.builder import SHARD, Builder, activity_horizons, thing_horizons
from basemodel_ops.stages.facts import Facts
from basemodel_ops.stages.reading import event_reader
from basemodel_ops.stages.rows import Examples
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, events_query

MOMENTS = 3
"""Cutoffs from which on the world is shuffled, each by itself, evenly over the grid."""


def check_hindsight(ws: Workspace) -> Finding:
    """No byte of a row to learn from depends on what happens at or after its cutoff, nor a target on what is later.

    The rows of some entities are built again from events whose every column is shuffled from a moment on, between
    these entities and in time, and from facts shuffled likewise. All rows up to that moment must be those on disk. The
    targets of pretraining are built again with the world shuffled from the end of training on.
    """
    examples = Examples(ws.current("training_examples"))
    cutoffs, generator = examples.cutoffs, np.random.default_rng(ws.settings.seed)
    number = int(generator.integers(-(-len(examples.entities) // SHARD)))
    low = number * SHARD
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        builder = Builder(ws, warehouse, times.data_end + 1)
        sources = _events(ws, warehouse, builder, examples.entities.values[low : low + SHARD], times.data_end + 1)
    stored = _stored(examples, number)
    differing = np.zeros(examples.layout.length, bool)
    rows = moved = 0
    for last in np.unique(np.linspace(0, len(cutoffs) - 1, MOMENTS + 2)[1:-1].astype(int)):
        moment, known = int(cutoffs[last]), cutoffs[: last + 1]
        shuffled = copy(builder)
        shuffled.facts = [_without_later_facts(facts, moment, generator) for facts in builder.facts]
        values = shuffled.values(low, _histories(builder, sources, low, moment, generator), known)
        same = values.view(np.uint16) == stored[:, : len(known)].view(np.uint16)
        differing |= ~same.all(axis=(0, 1))
        rows += same.shape[0] * same.shape[1]
        moved += sum(int((events.time >= moment).sum()) for events in sources)
    histories = _histories(builder, sources, low, times.training_end, generator)
    targets, wrong = _targets(ws, examples, builder, histories, number, times.training_end)
    blocks = [block for block in examples.layout.blocks if differing[block.offset : block.end].any()]
    names = ", ".join(sorted({f"{block.kind} of {block.source} {block.column}".strip() for block in blocks}))
    text = f"{rows} rows are the same, byte for byte, whatever comes after them; so are {targets} targets."
    if blocks:
        text = (
            f"Inputs change with events or facts at or after their cutoff: {names}. They know what is to be foreseen."
        )
    elif wrong:
        text = f"{wrong} of {targets} rows of pretraining targets change with events after the end of training."
    return Finding(
        "no_future",
        not blocks and not wrong,
        text,
        {
            "rows": rows, "bytes": rows * examples.layout.length * 2, "targets": targets,
            "entities": len(stored), "events_moved": moved,
        },
    )  # fmt: skip


def _events(ws: Workspace, warehouse: Warehouse, builder: Builder, chosen: pa.Array, before: int) -> list[Events]:
    """All events of the chosen entities, per source."""
    found = []
    literals = [exp.convert(value) for value in chosen.to_pylist()]
    for source in ws.contract.events:
        reader = event_reader(ws, source, builder.entities)
        query = events_query(source, reader.columns, to_datetime(before), ordered=False)
        table = warehouse.read(query.where(column_of(source.entity).isin(*literals)))
        batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        found.append(joined(list(reader.read(batches))))
    return found


def _histories(
    builder: Builder, sources: list[Events], low: int, moment: int, generator: np.random.Generator
) -> list[History]:
    """Histories of the shard that begins with entity `low`, shuffled from `moment` on."""
    count = len(builder.entities)
    shuffled = [_without_later_events(events, moment, generator) for events in sources]
    streams = [iter([sorted_in_memory(events, 0, count)]) for events in shuffled]
    return next(histories for first, histories in stream_histories(streams, count, SHARD) if first == low)


def _without_later_events(events: Events, moment: int, generator: np.random.Generator) -> Events:
    """The events, with every column shuffled by itself among those at or after `moment`."""
    later = np.flatnonzero(events.time >= moment)
    columns = [column.copy() for column in events.columns()]
    for column in columns:
        column[later] = column[generator.permutation(later)]
    return events.like(columns)


def _without_later_facts(facts: Facts, moment: int, generator: np.random.Generator) -> Facts:
    """The facts, with those known only from `moment` on shuffled."""
    later = np.flatnonzero(facts.since >= moment)
    values = facts.values.copy()
    values[later] = values[generator.permutation(later)]
    return replace(facts, values=values)


def _stored(examples: Examples, number: int) -> np.ndarray:
    """The rows of a shard as they are on disk, float16 (entities, cutoffs, length)."""
    parts = {kind: examples.artifact.arrays(f"{kind}-{number:05d}")["values"] for kind in examples.layout.kinds}
    values = np.empty((len(next(iter(parts.values()))), examples.layout.length), np.float16)
    for kind, own in parts.items():
        values[:, examples.layout.positions(kind)] = own
    return values.reshape(-1, len(examples.cutoffs), examples.layout.length)


def _targets(
    ws: Workspace, examples: Examples, builder: Builder, histories: list[History], number: int, end: int
) -> tuple[int, int]:
    """Rows of pretraining targets of a shard, and how many of them are not those of these histories."""
    spans, cutoffs = thing_horizons(ws), examples.cutoffs
    usable = np.flatnonzero(cutoffs + min(spans) * DAY <= end)
    values = future_values(histories, builder.plans, cutoffs[usable], activity_horizons(ws), spans, end)
    compared = differing = 0
    for kind, columns in places.kept_columns(Layout.from_rows(examples.artifact.json("futures"))).items():
        kept = examples.artifact.arrays(f"{kind}-{number:05d}")
        entity, cutoff = np.divmod(kept["row"] - number * SHARD * len(cutoffs), len(cutoffs))
        again = np.ascontiguousarray(values[entity, np.searchsorted(usable, cutoff)][:, columns])
        compared += len(again)
        differing += int((again.view(np.uint16) != kept["values"].view(np.uint16)).any(axis=1).sum())
    return compared, differing
