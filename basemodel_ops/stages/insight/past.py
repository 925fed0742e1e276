"""Windows of a population, of the past and of a week: whose they are, and how those of the past are drawn."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from sqlglot import exp

from basemodel_ops.contract.types import Contract
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.stages.features.builder import GROUP, Builder, Part
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.insight.lines import lines_of
from basemodel_ops.stages.insight.typical_windows import Contemporaries, TypicalWindows
from basemodel_ops.stages.insight.windows import Windows
from basemodel_ops.stages.scoring.population import population_query
from basemodel_ops.stages.scoring.scoring import check_layout
from basemodel_ops.stages.snapshot.times import to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of

PAST = 8
"""Cutoffs at which windows ended that a week is compared with."""

ROWS = 8_000
"""Windows of the past that are looked at, at most, about."""

SAMPLED = ROWS // PAST // 2
"""Windows of a week that others of it are compared with, about: as many as a past cutoff has."""

LEAST = 100
"""Windows of the past without which nothing is said to be usual."""

SALT = 0xA0DD
"""Keeps the halves of past windows apart from other draws."""

ENTITY_HALF_SALT = 0x51DE
"""Keeps the halves of entities apart from other draws."""


def population_of_any(contract: Contract, timestamps: Sequence[datetime]) -> exp.Query:
    """Everyone whom a task asks about at one of some moments, one column `entity`."""
    result: exp.Query | None = None
    for task in contract.tasks:
        for timestamp in timestamps:
            query = population_query(contract.grid, task, timestamp, is_open=False)
            result = query if result is None else exp.union(result, query, distinct=True)
    if result is None:
        raise ValueError("There is no task.")
    return result


def windows_at(
    ws: Workspace, warehouse: Warehouse, cutoff: int, days: int, checkpoint: Checkpoint, most: int | None = None
) -> "Reading":
    """The windows before a cutoff (microseconds) of everyone whom a task asks about then, or of about `most`."""
    queried = population_of_any(ws.contract, [to_datetime(cutoff)])
    share = 1.0 if most is None else min(1.0, most / max(_count(warehouse, queried), 1))
    cold = (queried.copy(),) if most is None else ()
    builder = Builder(ws, warehouse, cutoff, Chosen(share, among=queried, cold=cold))
    everyone = np.arange(len(builder.entities))
    return Reading(builder, everyone, np.full(len(everyone), cutoff - days * DAY), days, checkpoint)


def typical_before(
    ws: Workspace, warehouse: Warehouse, cutoff: int, days: int, checkpoint: Checkpoint
) -> TypicalWindows | str:
    """What is usual of windows that were over when the one before a cutoff began; or why nothing is known."""
    cutoffs = ws.times(warehouse).cutoffs
    ends = [int(timestamp) for timestamp in cutoffs[cutoffs <= cutoff - days * DAY][-PAST:]]
    if not ends:
        return f"no cutoff lies {days} days or more before this one, so no past window is known"
    queries = {end: population_of_any(ws.contract, [to_datetime(end)]) for end in ends}
    total = sum(_count(warehouse, query) for query in queries.values())
    everyone = population_of_any(ws.contract, [to_datetime(end) for end in ends])
    chosen = Chosen(min(1.0, ROWS / max(total, 1)), among=everyone)
    builder = Builder(ws, warehouse, ends[-1], chosen)
    entity, start = [], []
    for end, query in queries.items():
        drawn = exp.select(column_of("entity")).from_(query.subquery("asked"))
        drawn = warehouse.read(warehouse.sampled(drawn, "entity", chosen.share)).column(0)
        entity_index = builder.entities.encode(drawn).astype(np.int64)
        entity.append(entity_index[entity_index >= 0])
        start.append(np.full(len(entity[-1]), end - days * DAY))
    pairs = np.stack([np.concatenate(entity), np.concatenate(start)])
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    past = [
        (windows, _halves(windows), entity_halves(windows))
        for windows in Reading(builder, pairs[0], pairs[1], days, checkpoint)
    ]
    known = sum(int((half > 0).sum()) for _, half, _ in past)
    if known < LEAST:
        return f"{known} past windows of {days} days are known, and {LEAST} are needed to say what is usual"
    return TypicalWindows.of(lines_of(ws.contract, ws.store, builder.plans), past)


class Reading:
    """Windows that are read some at a time, in the order of their entities."""

    def __init__(
        self, builder: Builder, entity: np.ndarray, start: np.ndarray, days: int, checkpoint: Checkpoint
    ) -> None:
        """Windows of entities (rows,), positions in those of the builder, from `start` (rows,) on; both ascend."""
        check_layout(checkpoint, builder)
        self.builder = builder
        self._rows, self._days, self._checkpoint = (entity, start), days, checkpoint

    def __iter__(self) -> Iterator[Windows]:
        """Those of about `GROUP` entities at a time."""

        def work(part: Part) -> tuple[Part, np.ndarray]:
            return part, self.builder.represent(part)

        for part, values in parallel_map(work, self.builder.parts(*self._rows, GROUP)):
            yield Windows(self.builder, part, values, self._days, self._checkpoint)


def _halves(windows: Windows) -> np.ndarray:
    """1 of windows that say how far forecasts miss, 2 of those that say how often one is as odd, (rows,).

    0 of those before which nothing is known.
    """
    return np.where(windows.has_history, np.where(windows.draws(windows.start ^ SALT) < 0.5, 1, 2), 0)


def contemporaries(typical: TypicalWindows, drawn: Reading) -> Contemporaries:
    """How odd some windows of a week are in the lines that many share."""
    return typical.contemporaries([(windows, entity_halves(windows)) for windows in drawn])


def entity_halves(windows: Windows) -> np.ndarray:
    """0 or 1 of the entity of each window, (rows,): those of one half are compared with those of the other."""
    return (windows.draws(np.full(len(windows), ENTITY_HALF_SALT)) < 0.5).astype(np.int8)


def _count(warehouse: Warehouse, query: exp.Query) -> int:
    count = exp.select(exp.alias_(exp.Count(this=exp.Star()), "many", quoted=True)).from_(query.subquery("asked"))
    return int(warehouse.read(count).column(0)[0].as_py())
