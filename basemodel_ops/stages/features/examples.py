"""The stage that represents the rows to learn from: a sample for pretraining, and those of the tasks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.artifacts import Draft
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.report import Report
from basemodel_ops.representation import History, Layout, explain_layout, future_layout, future_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.workers import mapped
from basemodel_ops.stages.features.activity_targets import kept_columns
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.features.rows import RowsDraft
from basemodel_ops.stages.snapshot.sampling import hashes_of, shares
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.task_rows import population, prepared
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import spans_query
from basemodel_ops.warehouse.queries import ever_asked_query

FILE_BYTES = 64 * 2**20
"""Bytes of representations that are written at once, at least: few files are read faster than many."""

SAMPLES = ("futures", "activity")
"""Kinds of rows to learn from: of the first all is learnt, of the second activity alone."""


@dataclass(frozen=True)
class RowPlan:
    """Rows to represent, ascending by entity and cutoff."""

    entity: np.ndarray  # (rows,) position
    cutoff: np.ndarray  # (rows,) microseconds
    samples: dict[str, np.ndarray]  # which rows are learnt from, (rows,) bool by kind
    is_wide: np.ndarray  # (rows,) bool, read whole

    def __len__(self) -> int:
        return len(self.entity)


def training_examples(ws: Workspace) -> Report:
    """Representations of the planned rows, and the futures of those that pretraining learns from."""
    snapshot = ws.snapshot()

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        with ws.warehouse() as warehouse:
            chosen = Chosen(snapshot.read, cold=cold(ws, snapshot))
            builder = Builder(ws, warehouse, snapshot.times.data_end + 1, chosen)
            plan = plan_rows(ws, warehouse, builder, snapshot)
            known = future_layout(builder.plans, snapshot.activity_horizons, snapshot.thing_horizons)
            kept = kept_columns(known)
            began = time.monotonic()
            rows, learnt = RowsDraft(draft, builder.layout), dict.fromkeys(SAMPLES, 0)

            def work(part: Part) -> "_Made":
                return _represent(part, plan, builder, snapshot, kept)

            for number, made in enumerate(_gathered(mapped(work, builder.parts(plan.entity, plan.cutoff)))):
                for kind in SAMPLES:
                    row, values = made.futures[kind]
                    draft.arrays(f"{kind}-{number:05d}", {"values": values, "row": row + rows.rows})
                    learnt[kind] += len(row)
                rows.append(made.entity, made.cutoff, made.is_wide, made.values)
                ws.told("rows", rows.rows, len(plan), began)
            rows.finish(builder.entities)
            draft.json("futures", known.explain())
            draft.json("left_out", [{**vars(one), "reason": one.reason} for one in builder.left_out])
            return {
                "rows": rows.rows, "pretraining_rows": learnt["futures"], "activity_rows": learnt["activity"],
                "entities": len(builder.entities), "cutoffs": len(np.unique(plan.cutoff)),
                "length": builder.layout.length, "megabytes": round(rows.bytes / 2**20, 1),
            }, {}  # fmt: skip

    return ws.made("training_examples", fill)


def explain_representation(ws: Workspace) -> tuple[pa.Table, list[dict[str, object]]]:
    """The layout of a row, one line per block (see `explain_layout`), and the columns that were left out of it."""
    examples = ws.current("training_examples")
    return explain_layout(Layout.from_rows(examples.json("layout"))), examples.json("left_out")


def cold(ws: Workspace, snapshot: Snapshot) -> tuple[exp.Query, ...]:
    """Whom the tasks whose rows are represented together ask about."""
    return tuple(ever_asked_query(task) for task in _pooled(ws, snapshot))


def _pooled(ws: Workspace, snapshot: Snapshot) -> list[Task]:
    """The tasks whose rows are represented together; a recommendation reads histories instead."""
    tasks = [task for name in snapshot.pooled for task in ws.contract.tasks if task.name == name]
    return [task for task in tasks if task.form.shape is not Shape.ITEMS]


def plan_rows(ws: Workspace, warehouse: Warehouse, builder: Builder, snapshot: Snapshot) -> RowPlan:
    """The rows of pretraining and of the tasks that are represented together, of the builder's entities."""
    times, entities = snapshot.times, builder.entities
    hashes = hashes_of(entities.values, ws.settings.seed)
    index, cutoff = _lived(ws, warehouse, builder, snapshot)
    draws = shares(hashes[index], cutoff)
    parts = [np.stack([index, cutoff])]
    # The smaller sample is a part of the larger.
    flags = [draws < getattr(ws.settings, name) / max(len(index), 1) for name in ("pretraining_rows", "activity_rows")]
    sampled = flags[0] | flags[1]
    parts, flags = [part[:, sampled] for part in parts], [flag[sampled] for flag in flags]
    is_wide = [flags[0]]
    for task in _pooled(ws, snapshot):
        rows = population(warehouse, task, times, snapshot.plans[task.name])
        rows = prepared(task, rows, ws.settings.seed)
        own = entities.encode(rows.entity).astype(np.int64)
        parts.append(np.stack([own, rows.cutoff])[:, own >= 0])
        is_wide.append(np.full(parts[-1].shape[1], task.form.shape is Shape.LABELS))
    every = np.concatenate(parts, axis=1)
    pairs, place = np.unique(every, axis=1, return_inverse=True)
    place = place.ravel()
    samples = {}
    for kind, flag in zip(SAMPLES, flags, strict=True):
        samples[kind] = np.zeros(pairs.shape[1], bool)
        samples[kind][place[: len(flag)]] = flag
    wide = np.zeros(pairs.shape[1], bool)
    np.logical_or.at(wide, place, np.concatenate(is_wide))
    return RowPlan(pairs[0], pairs[1], samples, wide)


def _lived(ws: Workspace, warehouse: Warehouse, builder: Builder, snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Position of the entity and cutoff of every pair that could be learnt from.

    The entity had an event before and, since not longer than the longest window, another; and at least the shortest
    windows are over before the end of training.
    """
    times = snapshot.times
    usable = times.cutoffs[times.cutoffs + min(snapshot.thing_horizons) * DAY <= times.training_end]
    query = builder.chosen.of(warehouse, spans_query(ws.contract, to_datetime(times.training_end)), "entity")
    table = warehouse.read(query)
    index = builder.entities.encode(table.column(0)).astype(np.int64)
    first, last = microseconds(table.column(1)), microseconds(table.column(2))
    low = np.searchsorted(usable, first, side="right")
    high = np.searchsorted(usable, last + max(ws.settings.windows) * DAY, side="right")
    count = np.maximum(high - low, 0)
    start = np.cumsum(count) - count
    place = np.repeat(low - start, count) + np.arange(int(count.sum()))
    pairs = np.stack([np.repeat(index, count), usable[place]]) if len(usable) else np.zeros((2, 0), np.int64)
    order = np.lexsort((pairs[1], pairs[0]))
    return pairs[0][order], pairs[1][order]


@dataclass(frozen=True)
class _Made:
    """Represented rows, and the futures of those that are learnt from: their places among these rows, and values."""

    entity: np.ndarray
    cutoff: np.ndarray
    is_wide: np.ndarray
    values: np.ndarray
    futures: dict[str, tuple[np.ndarray, np.ndarray]]


def _represent(part: Part, plan: RowPlan, builder: Builder, snapshot: Snapshot, kept: dict[str, np.ndarray]) -> _Made:
    """The rows of a part. What nothing happened before teaches nothing of what follows, and gets no futures."""
    rows = np.arange(part.first, part.first + len(part))
    is_seen = _events_before(part.histories, part.cutoffs)[part.places] > 0
    futures = {}
    learnt = {kind: np.flatnonzero(plan.samples[kind][rows] & is_seen) for kind in SAMPLES}
    either = np.union1d(*learnt.values()).astype(np.int64)
    values = _futures(part.some(either), builder, snapshot) if len(either) else None
    for kind, columns in kept.items():
        own = learnt[kind]
        found = values[np.searchsorted(either, own)][:, columns] if values is not None else None
        futures[kind] = own, np.zeros((0, len(columns)), np.float16) if found is None else found
    return _Made(plan.entity[rows], plan.cutoff[rows], plan.is_wide[rows], builder.represent(part), futures)


def _futures(part: Part, builder: Builder, snapshot: Snapshot) -> np.ndarray:
    """What follows the rows of a part before the end of training, float16 (rows, futures)."""
    found = future_values(
        part.histories, builder.plans, part.cutoffs, snapshot.activity_horizons, snapshot.thing_horizons,
        snapshot.times.training_end,
    )  # fmt: skip
    return found[part.places]


def _events_before(histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
    """Number of events before each cutoff over all sources, (entities, cutoffs)."""
    return np.sum([history.positions(cutoffs) - history.start[:-1, None] for history in histories], axis=0)


def _gathered(parts: Iterator[_Made]) -> Iterator[_Made]:
    """The same rows, joined until they are worth a file."""
    waiting: list[_Made] = []
    for part in parts:
        waiting.append(part)
        if sum(one.values.nbytes for one in waiting) >= FILE_BYTES:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[_Made]) -> _Made:
    starts = np.cumsum([0, *(len(part.entity) for part in parts)])
    futures = {
        kind: (
            np.concatenate([part.futures[kind][0] + low for part, low in zip(parts, starts[:-1], strict=True)]),
            np.concatenate([part.futures[kind][1] for part in parts]),
        )
        for kind in SAMPLES
    }
    entity, cutoff, is_wide, values = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("entity", "cutoff", "is_wide", "values")
    )
    return _Made(entity, cutoff, is_wide, values, futures)
