"""Building representations shard by shard, from encoders, codes and histories."""

from collections.abc import Iterator

import numpy as np

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import History, Layout, SourcePlan, history_layout, history_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.encoding import SKETCHED_ABOVE, categories, numbers
from basemodel_ops.stages.facts import read_facts
from basemodel_ops.stages.reading import Reader
from basemodel_ops.stages.workspace import Workspace, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import entities_query

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
        self._facts = [
            read_facts(ws, warehouse, source, self.entities)
            for source in ws.contract.attributes
            if source.key == ws.contract.entity
        ]
        base = history_layout(self.plans, ws.settings.half_lives, ws.settings.windows)
        specs = [(b.kind, b.source, b.column, b.detail, b.length) for b in base.blocks]
        for facts in self._facts:
            specs += facts.layout
        self.layout = Layout([*specs, ("calendar", "", "", "", 2)])

    def shards(self, cutoffs: np.ndarray) -> Iterator[tuple[int, list[History], np.ndarray]]:
        """First entity, histories and values (entities, cutoffs, length) per shard."""
        for low in range(0, len(self.entities), SHARD):
            high = min(low + SHARD, len(self.entities))
            histories = [history.part(low, high) for history in self._histories]
            values = history_values(histories, self.plans, cutoffs, self._settings.half_lives, self._settings.windows)
            calendar = np.broadcast_to(_calendar(cutoffs), (high - low, len(cutoffs), 2))
            facts = [facts.at(low, high, cutoffs) for facts in self._facts]
            yield low, histories, np.concatenate([values, *facts, calendar], axis=2)


def parents(ws: Workspace, warehouse: Warehouse) -> list[object]:
    """Versions of everything a representation is made from."""
    found: list[object] = [
        ws.contract.fingerprint,
        ws.settings.model_dump(include={"half_lives", "windows", "things"}),
    ]
    for event in ws.contract.events:
        names = [event.entity, event.time, *([event.session] if event.session else [])]
        found += [ws.current(f"encoders/{event.name}").version]
        found += [warehouse.fingerprint(event.relation, [*names, *categories(event), *numbers(event)])]
        found += [ws.current(f"codes/{event.name}__{name}").version for name in categories(event)]
    for facts in ws.contract.attributes:
        if facts.key == ws.contract.entity:
            names = [facts.key, *categories(facts), *numbers(facts), *([facts.valid_from] if facts.valid_from else [])]
            found += [ws.current(f"encoders/{facts.name}").version, warehouse.fingerprint(facts.relation, names)]
    return found
