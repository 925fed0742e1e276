"""Building representations shard by shard, from encoders, codes and histories as they stream by."""

from collections.abc import Iterator

import numpy as np

from basemodel_ops.artifacts import Artifact
from basemodel_ops.contract.types import EventSource
from basemodel_ops.encoders import Vocabulary, track_names
from basemodel_ops.encoders.time import WEEKS
from basemodel_ops.representation import (
    Density,
    History,
    Layout,
    SourcePlan,
    history_layout,
    history_values,
    stream_histories,
)
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.encoding import SKETCHED_ABOVE, categories, columns_of, encoders_of, numbers
from basemodel_ops.stages.facts import read_facts
from basemodel_ops.stages.reading import event_reader, read_events
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import entities_query

SHARD = 128
"""Entities whose rows are in memory at once, per worker."""


def source_plans(ws: Workspace) -> list[SourcePlan]:
    """What of each event source goes into the representation, from its encoder and codes."""
    return [_plan(ws, event, ws.current(f"encoders/{event.name}")) for event in ws.contract.events]


def _plan(ws: Workspace, event: EventSource, artifact: Artifact) -> SourcePlan:
    things, codes, vectors = {}, {}, {}
    for name in (name.removesuffix(".parquet") for name in artifact.names if name.endswith(".parquet")):
        size = artifact.table(name).num_rows
        if size:
            things[name] = min(size, ws.settings.things)
        if "." not in name and size > SKETCHED_ABOVE:
            codes[name] = ws.current(f"codes/{event.name}__{name}").arrays("codes")["codes"]
            vectors[name] = ws.current(f"embeddings/{event.name}__{name}").arrays("embedding")["vectors"]
    cells: dict[str, int] = {}
    densities: dict[str, Density] = {}
    for name, encoder in encoders_of(artifact).items():
        tracks = track_names(name, len(encoder.widths))
        if encoder.is_density:
            densities[name] = Density(tuple(tracks), encoder.widths[0])
        else:
            cells |= dict(zip(tracks, encoder.widths, strict=True))
    for column in event.columns:
        if not column.references:
            continue
        for attribute, encoder in encoders_of(artifact, column.name).items():
            name = f"{column.name}.{attribute}"
            if encoder.is_density:
                table = artifact.arrays(f"cells {name}")["cells"]
                densities[name] = Density((column.name,), encoder.widths[0], table)
            else:
                cells |= dict(zip(track_names(name, len(encoder.widths)), encoder.widths, strict=True))
    # The week of the year of a cutoff says what the weeks of its events would.
    cells = {track: size for track, size in cells.items() if track != track_names(event.time, 3)[WEEKS]}
    settings = ws.settings
    return SourcePlan(
        event.name, artifact.json("began"), tuple(numbers(event)), things, codes, vectors, settings.width,
        settings.depth, cells, densities,
    )  # fmt: skip


def thing_horizons(ws: Workspace) -> tuple[int, ...]:
    """Horizons of things and composition: 14 and 28 days and those of the tasks that ask for things."""
    asked = {task.horizon for task in ws.contract.tasks if task.horizon and task.predicts}
    return tuple(sorted({14, 28} | asked))


def activity_horizons(ws: Workspace) -> tuple[int, ...]:
    """The pretraining horizons and those of all tasks."""
    return tuple(sorted({*ws.settings.horizons, *(task.horizon for task in ws.contract.tasks if task.horizon)}))


def _calendar(cutoffs: np.ndarray) -> np.ndarray:
    """Day of the year as a cyclic pair, float16 (..., cutoffs, 2)."""
    angle = cutoffs / DAY * (2 * np.pi / 365.2425)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float16)


class Builder:
    """Builds representations shard by shard; memory does not grow with the number of events."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, before: int) -> None:
        self._ws, self._warehouse, self._before = ws, warehouse, to_datetime(before)
        self.plans = source_plans(ws)
        self.entities = Vocabulary.from_entities(warehouse.read(entities_query(ws.contract, self._before)))
        self.facts = [
            read_facts(ws, warehouse, source, self.entities)
            for source in ws.contract.attributes
            if source.key == ws.contract.entity
        ]
        base = history_layout(self.plans, ws.settings.half_lives, ws.settings.counted_half_lives, ws.settings.windows)
        specs = [(b.kind, b.source, b.column, b.detail, b.length) for b in base.blocks]
        for facts in self.facts:
            specs += facts.layout
        self.layout = Layout([*specs, ("calendar", "", "", "", 2)])

    def histories(self) -> Iterator[tuple[int, list[History]]]:
        """First entity and the histories of `SHARD` entities at a time, one per source."""
        sources = [
            read_events(self._ws, self._warehouse, event, event_reader(self._ws, event, self.entities), self._before)
            for event in self._ws.contract.events
        ]
        return stream_histories(sources, len(self.entities), SHARD)

    def values(self, low: int, histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
        """The representation of a shard that begins with entity `low`, float16 (entities, cutoffs, length).

        Cutoffs are (cutoffs,), or of each entity (entities, cutoffs).
        """
        high, settings = low + histories[0].entities, self._ws.settings
        lives, counted = settings.half_lives, settings.counted_half_lives
        values = history_values(histories, self.plans, cutoffs, lives, counted, settings.windows)
        calendar = np.broadcast_to(_calendar(cutoffs), (high - low, cutoffs.shape[-1], 2))
        facts = [facts.at(low, high, cutoffs) for facts in self.facts]
        return np.concatenate([values, *facts, calendar], axis=2)


def parents(ws: Workspace, warehouse: Warehouse) -> list[object]:
    """Versions of everything a representation is made from."""
    found: list[object] = [
        ws.contract.fingerprint,
        ws.settings.model_dump(include={"half_lives", "count_half_lives", "windows", "things"}),
    ]
    for event in ws.contract.events:
        found += [ws.current(f"encoders/{event.name}").version]
        found += [warehouse.fingerprint(event.relation, columns_of(event))]
        found += [ws.current(f"codes/{event.name}__{name}").version for name in categories(event)]
    for facts in ws.contract.attributes:
        if facts.key == ws.contract.entity:
            found += [ws.current(f"encoders/{facts.name}").version]
            found += [warehouse.fingerprint(facts.relation, columns_of(facts))]
    return found
