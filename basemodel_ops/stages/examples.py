"""Stages that turn histories into representations: at every cutoff to learn from, and at one to score."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Draft
from basemodel_ops.report import Report
from basemodel_ops.representation import History, Layout, explain_layout, future_layout, future_values
from basemodel_ops.representation.gathering import gathered
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.workers import mapped
from basemodel_ops.stages import futures as places
from basemodel_ops.stages.builder import Builder, activity_horizons, parents, thing_horizons
from basemodel_ops.stages.rows import write_shard
from basemodel_ops.stages.workspace import Workspace, to_microseconds

FILE_BYTES = 32 * 2**20
"""Bytes of representations that are written at once, at least: few files are read faster than many."""


def training_examples(ws: Workspace) -> Report:
    """Representations of all entities at all cutoffs, and the futures of a sample of them for pretraining."""
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        settings = ws.settings
        spans, horizons = thing_horizons(ws), activity_horizons(ws)
        inputs = [parents(ws, warehouse), spans, horizons, settings.seed, times.data_end]
        inputs += [settings.pretraining_rows, settings.activity_rows]

        def fill(draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
            builder = Builder(ws, warehouse, times.data_end + 1)
            cutoffs = times.cutoffs
            # A row teaches only when at least the shortest windows are over before the end of training.
            usable = np.flatnonzero(cutoffs + min(spans) * DAY <= times.training_end)
            there = max(len(usable) * len(builder.entities), 1)
            known = future_layout(builder.plans, horizons, spans)
            kept = places.kept_columns(known)
            shares = {"futures": settings.pretraining_rows / there, "activity": settings.activity_rows / there}
            generator = np.random.default_rng(settings.seed)

            def work(shard: tuple[int, list[History]]) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
                low, histories = shard
                seen = _events_before(histories, cutoffs) > 0
                futures = future_values(histories, builder.plans, cutoffs[usable], horizons, spans, times.training_end)
                return low, builder.values(low, histories, cutoffs), seen[:, usable], futures

            rows = 0
            learnt = dict.fromkeys(kept, 0)
            for number, (low, values, seen, futures) in enumerate(mapped(work, builder.histories())):
                write_shard(draft, number, builder.layout, values)
                draws = generator.random(seen.shape)
                for kind, columns in kept.items():
                    entity, cutoff = np.nonzero(seen & (draws < shares[kind]))
                    row = (low + entity) * len(cutoffs) + usable[cutoff]
                    draft.arrays(f"{kind}-{number:05d}", {"values": futures[entity, cutoff][:, columns], "row": row})
                    learnt[kind] += len(row)
                rows += values.shape[0] * values.shape[1]
                ws.log(f"training examples: {low + len(values):,} of {len(builder.entities):,} entities")
            draft.table("entities", builder.entities.table())
            draft.arrays("times", {"cutoffs": cutoffs})
            draft.json("layout", builder.layout.explain())
            draft.json("futures", known.explain())
            return {
                "rows": rows, "pretraining_rows": learnt["futures"], "activity_rows": learnt["activity"],
                "entities": len(builder.entities), "cutoffs": len(cutoffs), "length": builder.layout.length,
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
            builder, cutoffs = Builder(ws, warehouse, cutoff), np.array([cutoff], np.int64)
            shards = mapped(lambda shard: builder.values(*shard, cutoffs), builder.histories())
            for number, values in enumerate(gathered(shards, lambda part: part.nbytes, FILE_BYTES, np.concatenate)):
                write_shard(draft, number, builder.layout, values)
            draft.table("entities", builder.entities.table())
            draft.arrays("times", {"cutoffs": cutoffs})
            draft.json("layout", builder.layout.explain())
            return {"rows": len(builder.entities), "length": builder.layout.length}, {}

        inputs = [parents(ws, warehouse), cutoff]
        return ws.made(f"entity_representation/{as_of:%Y-%m-%d}", inputs, fill)


def explain_representation(ws: Workspace, as_of: datetime) -> pa.Table:
    """The layout of the representations at `as_of`, one row per block; see `explain_layout`."""
    return explain_layout(Layout.from_rows(ws.current(f"entity_representation/{as_of:%Y-%m-%d}").json("layout")))
