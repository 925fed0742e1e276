"""Stages that turn histories into representations: at every cutoff to learn from, and at one to score."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.contract.types import AttributeSource
from basemodel_ops.encoders import NumberScale, Vocabulary
from basemodel_ops.representation import (
    History,
    Layout,
    SourcePlan,
    future_layout,
    future_values,
    history_layout,
    history_values,
)
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.encoding import SKETCHED_ABOVE, categories, numbers
from basemodel_ops.stages.reading import Reader
from basemodel_ops.stages.report import Report
from basemodel_ops.stages.workspace import Workspace, microseconds, to_datetime, to_microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import attributes_query, entities_query

SHARD = 256
"""Entities whose rows are in memory at once."""


def source_plans(ws: Workspace) -> list[SourcePlan]:
    """What of each event source goes into the representation, from its encoder and codes."""
    plans = []
    for event in ws.contract.events:
        encoder = ws.current(f"encoders/{event.name}")
        things, codes, vectors = {}, {}, {}
        names = [name.removesuffix(".parquet") for name in encoder.names if name.endswith(".parquet")]
        for name in names:
            size = encoder.table(name).num_rows
            if size:
                things[name] = min(size, ws.settings.things)
            if "." not in name and size > SKETCHED_ABOVE:
                codes[name] = ws.current(f"codes/{event.name}__{name}").arrays("codes")["codes"]
                vectors[name] = ws.current(f"embeddings/{event.name}__{name}").arrays("embedding")["vectors"]
        plans.append(
            SourcePlan(event.name, tuple(numbers(event)), things, codes, vectors, ws.settings.width, ws.settings.depth)
        )
    return plans


def thing_horizons(ws: Workspace) -> tuple[int, ...]:
    """Horizons of things and composition: 14 and 28 days and those of the tasks that ask for things."""
    asked = {task.horizon for task in ws.contract.tasks if task.horizon and task.predicts}
    return tuple(sorted({14, 28} | asked))


def activity_horizons(ws: Workspace) -> tuple[int, ...]:
    """The pretraining horizons and those of all tasks."""
    return tuple(sorted({*ws.settings.horizons, *(task.horizon for task in ws.contract.tasks if task.horizon)}))


@dataclass(frozen=True)
class Attributes:
    """Encoded facts of entities, one row per entity and moment from which it is known."""

    layout: list[tuple[str, str, str, str, int]]
    values: np.ndarray  # (facts, length) float16
    owner: np.ndarray  # (facts,) entity index, sorted
    since: np.ndarray  # (facts,) microseconds

    def at(self, low: int, high: int, cutoffs: np.ndarray) -> np.ndarray:
        """Facts known strictly before each cutoff, float16 (high - low, cutoffs, length); zeros where none."""
        out = np.zeros((high - low, len(cutoffs), self.values.shape[1]), np.float16)
        for row in range(*np.searchsorted(self.owner, [low, high])):
            out[self.owner[row] - low, cutoffs > self.since[row]] = self.values[row]
        return out


def _read_attributes(ws: Workspace, warehouse: Warehouse, facts: AttributeSource, entities: Vocabulary) -> Attributes:
    encoder = ws.current(f"encoders/{facts.name}")
    names = [*categories(facts), *numbers(facts), *([facts.valid_from] if facts.valid_from else [])]
    table = warehouse.read(attributes_query(facts, names))
    owner = entities.encode(table.column(facts.key))
    since = microseconds(table.column(facts.valid_from)) if facts.valid_from else np.full(len(owner), -(2**62))
    layout, blocks = [], []
    for name in categories(facts):
        vocabulary = Vocabulary.from_table(encoder.table(name))
        size = min(len(vocabulary), ws.settings.things)
        code = vocabulary.encode(table.column(name))
        layout.append(("attribute", facts.name, name, "", size))
        blocks.append((code[:, None] == np.arange(size)).astype(np.float16))
    scales = encoder.json("scales")
    for name in numbers(facts):
        layout.append(("attribute", facts.name, name, "", 1))
        values = table.column(name).cast(pa.float64()).to_numpy()
        blocks.append(NumberScale(*scales[name]).encode(values)[:, None].astype(np.float16))
    order = np.lexsort((since, owner))
    order = order[owner[order] >= 0]
    values = np.hstack(blocks) if blocks else np.zeros((len(owner), 0), np.float16)
    return Attributes(layout, values[order], owner[order], since[order])


def _calendar(cutoffs: np.ndarray) -> np.ndarray:
    """Day of the year as a cyclic pair, float16 (cutoffs, 2)."""
    angle = cutoffs / DAY * (2 * np.pi / 365.2425)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float16)


class Builder:
    """Builds representations shard by shard from histories read once."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, before: int) -> None:
        self._settings = ws.settings
        self.plans = source_plans(ws)
        self.entities = Vocabulary.from_entities(warehouse.read(entities_query(ws.contract, to_datetime(before))))
        reader = Reader(ws, warehouse, self.entities)
        self._histories = [
            reader.read(event, to_datetime(before), categories(event), numbers(event)) for event in ws.contract.events
        ]
        self._attributes = [
            _read_attributes(ws, warehouse, facts, self.entities)
            for facts in ws.contract.attributes
            if facts.key == ws.contract.entity
        ]
        base = history_layout(self.plans, ws.settings.half_lives, ws.settings.windows)
        specs = [(b.kind, b.source, b.column, b.detail, b.length) for b in base.blocks]
        for facts in self._attributes:
            specs += facts.layout
        self.layout = Layout([*specs, ("calendar", "", "", "", 2)])

    def shards(self, cutoffs: np.ndarray) -> Iterator[tuple[int, list[History], np.ndarray]]:
        """First entity, histories and values (entities, cutoffs, length) per shard."""
        for low in range(0, len(self.entities), SHARD):
            high = min(low + SHARD, len(self.entities))
            histories = [history.part(low, high) for history in self._histories]
            values = history_values(histories, self.plans, cutoffs, self._settings.half_lives, self._settings.windows)
            calendar = np.broadcast_to(_calendar(cutoffs), (high - low, len(cutoffs), 2))
            facts = [attributes.at(low, high, cutoffs) for attributes in self._attributes]
            yield low, histories, np.concatenate([values, *facts, calendar], axis=2)


def _parents(ws: Workspace, warehouse: Warehouse) -> list[object]:
    """Versions of everything a representation is made from."""
    parents: list[object] = [
        ws.contract.fingerprint,
        ws.settings.model_dump(include={"half_lives", "windows", "things"}),
    ]
    for event in ws.contract.events:
        names = [event.entity, event.time, *([event.session] if event.session else [])]
        parents += [ws.current(f"encoders/{event.name}").version]
        parents += [warehouse.fingerprint(event.relation, [*names, *categories(event), *numbers(event)])]
        parents += [ws.current(f"codes/{event.name}__{name}").version for name in categories(event)]
    for facts in ws.contract.attributes:
        if facts.key == ws.contract.entity:
            names = [facts.key, *categories(facts), *numbers(facts)]
            parents += [ws.current(f"encoders/{facts.name}").version, warehouse.fingerprint(facts.relation, names)]
    return parents


def training_examples(ws: Workspace) -> Report:
    """Representations of all entities at all cutoffs, and the futures of a sample of them for pretraining."""
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        settings = ws.settings
        spans, horizons = thing_horizons(ws), activity_horizons(ws)
        inputs = [_parents(ws, warehouse), spans, horizons, settings.pretraining_rows, settings.seed, times.data_end]

        def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
            builder = Builder(ws, warehouse, times.data_end + 1)
            cutoffs = times.cutoffs
            # A row teaches only when at least the shortest windows are over before the end of training.
            usable = np.flatnonzero(cutoffs + min(spans) * DAY <= times.training_end)
            share = min(1.0, settings.pretraining_rows / max(len(usable) * len(builder.entities), 1))
            generator = np.random.default_rng(settings.seed)
            rows = pretraining = 0
            for number, (low, histories, values) in enumerate(builder.shards(cutoffs)):
                seen = _events_before(histories, cutoffs) > 0
                futures = future_values(histories, builder.plans, cutoffs[usable], horizons, spans, times.training_end)
                chosen = seen[:, usable] & (generator.random((len(values), len(usable))) < share)
                flat = np.flatnonzero(chosen.ravel())
                draft.arrays(
                    f"rows-{number:05d}",
                    {
                        "values": values, "futures": futures.reshape(-1, futures.shape[2])[flat],
                        "row": (flat // len(usable) * len(cutoffs) + usable[flat % len(usable)]).astype(np.int64),
                    },
                )  # fmt: skip
                rows += values.shape[0] * values.shape[1]
                pretraining += len(flat)
                ws.log(f"training examples: {low + len(values):,} of {len(builder.entities):,} entities")
            draft.table("entities", builder.entities.table())
            draft.arrays("times", {"cutoffs": cutoffs})
            draft.json("layout", builder.layout.explain())
            draft.json("futures", future_layout(builder.plans, horizons, spans).explain())
            return {
                "rows": rows, "pretraining_rows": pretraining, "entities": len(builder.entities),
                "cutoffs": len(cutoffs), "length": builder.layout.length,
            }, {}  # fmt: skip

        return ws.made("training_examples", inputs, fill)


def _events_before(histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
    """Number of events before each cutoff over all sources, (entities, cutoffs)."""
    return np.sum([history.positions(cutoffs) - history.start[:-1, None] for history in histories], axis=0)


def entity_representation(ws: Workspace, as_of: datetime) -> Report:
    """Representations of all entities known at `as_of`."""
    with ws.warehouse() as warehouse:
        cutoff = to_microseconds(as_of)

        def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
            builder = Builder(ws, warehouse, cutoff)
            for number, (_, _, values) in enumerate(builder.shards(np.array([cutoff], np.int64))):
                draft.arrays(f"rows-{number:05d}", {"values": values})
            draft.table("entities", builder.entities.table())
            draft.arrays("times", {"cutoffs": np.array([cutoff], np.int64)})
            draft.json("layout", builder.layout.explain())
            return {"rows": len(builder.entities), "length": builder.layout.length}, {}

        inputs = [_parents(ws, warehouse), cutoff]
        return ws.made(f"entity_representation/{as_of:%Y-%m-%d}", inputs, fill)


class Examples:
    """A reader of either artifact: rows by (entity, cutoff), shard by shard."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.entities = Vocabulary.from_table(artifact.table("entities"))
        self.cutoffs = artifact.arrays("times")["cutoffs"]
        self.layout = Layout.from_rows(artifact.json("layout"))

    def locate(self, entity: pa.ChunkedArray, cutoff: np.ndarray) -> np.ndarray:
        """Row numbers of (entity, cutoff) pairs; -1 where there is none."""
        index = self.entities.encode(entity).astype(np.int64)
        place = np.searchsorted(self.cutoffs, cutoff)
        known = (index >= 0) & (place < len(self.cutoffs))
        known[known] = self.cutoffs[place[known]] == cutoff[known]
        return np.where(known, index * len(self.cutoffs) + place, -1)

    def shards(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """First row number and arrays per shard; `values` as (rows, length)."""
        names = [name.removesuffix(".safetensors") for name in self.artifact.names if name.startswith("rows-")]
        first = 0
        for name in names:
            arrays = self.artifact.arrays(name)
            arrays["values"] = arrays["values"].reshape(-1, self.layout.length)
            yield first, arrays
            first += len(arrays["values"])

    def positions(self, *kinds: str, without: tuple[str, ...] = ()) -> np.ndarray:
        """Input positions of blocks of these kinds, leaving out attribute sources named in `without`."""
        blocks = [b for b in self.layout.blocks if b.kind in kinds]
        blocks = [b for b in blocks if not (b.kind == "attribute" and b.source in without)]
        return np.concatenate([np.arange(b.offset, b.end) for b in blocks] or [np.zeros(0, np.int64)])
