"""The stage that represents the rows to learn from: a sample for pretraining, and those of the tasks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.report import Report
from basemodel_ops.representation import History, explain_layout, target_layout, target_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.settings import Settings
from basemodel_ops.stages.features.activity_targets import kept_columns
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.examples_artifact import SAMPLES, ExamplesArtifact, ExamplesWriter
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.progress import log_progress
from basemodel_ops.stages.snapshot.sampling import hashes_of, shares
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.task_rows import load_task_rows, prepared
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import spans_query
from basemodel_ops.warehouse.queries import task_population_query

FILE_BYTES = 64 * 2**20
"""Bytes of representations that are written at once, at least: few files are read faster than many."""


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
    """Representations of the planned rows, and the targets of those that pretraining learns from."""
    snapshot = ws.snapshot()

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        with ws.warehouse() as warehouse:
            chosen = Chosen(snapshot.read, cold=cold(ws.contract, snapshot))
            builder = Builder(ws, warehouse, snapshot.times.data_end + 1, chosen)
            plan = plan_rows(warehouse, builder)
            known = target_layout(builder.plans, snapshot.activity_horizons, snapshot.item_horizons)
            kept = kept_columns(known)
            progress = log_progress(ws.log, "rows")
            rows, sampled = ExamplesWriter(writer, builder.layout), Counter[str]()

            def work(part: Part) -> "_Represented":
                return _represent(part, plan, builder, kept)

            for part in _batched(parallel_map(work, builder.parts(plan.entity, plan.cutoff))):
                rows.append_targets(part.targets)
                sampled.update({kind: len(row) for kind, (row, _) in part.targets.items()})
                rows.append(part.entity, part.cutoff, part.is_wide, part.values)
                progress(rows.rows, len(plan))
            rows.finish(builder.entities)
            rows.describe(known, builder.left_out)
            return {
                "rows": rows.rows, "pretraining_rows": sampled["targets"], "activity_rows": sampled["activity"],
                "entities": len(builder.entities), "cutoffs": len(np.unique(plan.cutoff)),
                "length": builder.layout.length, "megabytes": round(rows.bytes / 2**20, 1),
            }, {}  # fmt: skip

    return ws.materialize(ExamplesArtifact.key, write)


def explain_representation(ws: Workspace) -> tuple[pa.Table, list[dict[str, object]]]:
    """The layout of a row, one line per block (see `explain_layout`), and the columns that were left out of it."""
    examples = ExamplesArtifact.current(ws.store)
    return explain_layout(examples.layout), examples.left_out


def cold(contract: Contract, snapshot: Snapshot) -> tuple[exp.Query, ...]:
    """Whom the tasks whose rows are represented together ask about."""
    return tuple(task_population_query(task) for task in _pooled(contract, snapshot))


def _pooled(contract: Contract, snapshot: Snapshot) -> list[Task]:
    """The tasks whose rows are represented together; a recommendation reads histories instead."""
    tasks = [task for name in snapshot.pooled for task in contract.tasks if task.name == name]
    return [task for task in tasks if task.form.shape is not Shape.ITEMS]


def plan_rows(warehouse: Warehouse, builder: Builder) -> RowPlan:
    """The rows of pretraining and of the tasks that are represented together, of the builder's entities."""
    settings, snapshot, entities = builder.settings, builder.snapshot, builder.entities
    times = snapshot.times
    hashes = hashes_of(entities.values, settings.seed)
    spans = spans_query(builder.contract, to_datetime(times.training_end))
    index, cutoff = _lived(warehouse.read(builder.chosen.of(warehouse, spans, "entity")), entities, snapshot, settings)
    draws = shares(hashes[index], cutoff)
    parts = [np.stack([index, cutoff])]
    # The smaller sample is a part of the larger.
    flags = [draws < getattr(settings, name) / max(len(index), 1) for name in ("pretraining_rows", "activity_rows")]
    sampled = flags[0] | flags[1]
    parts, flags = [part[:, sampled] for part in parts], [flag[sampled] for flag in flags]
    is_wide = [flags[0]]
    for task in _pooled(builder.contract, snapshot):
        rows = load_task_rows(warehouse, task, times, snapshot.plans[task.name])
        rows = prepared(task, rows, settings.seed)
        entity_index = entities.encode(rows.entity).astype(np.int64)
        parts.append(np.stack([entity_index, rows.cutoff])[:, entity_index >= 0])
        is_wide.append(np.full(parts[-1].shape[1], task.form.shape is Shape.LABELS))
    every = np.concatenate(parts, axis=1)
    pairs, row_of_pair = np.unique(every, axis=1, return_inverse=True)
    row_of_pair = row_of_pair.ravel()
    samples = {}
    for kind, flag in zip(SAMPLES, flags, strict=True):
        samples[kind] = np.zeros(pairs.shape[1], bool)
        samples[kind][row_of_pair[: len(flag)]] = flag
    wide = np.zeros(pairs.shape[1], bool)
    np.logical_or.at(wide, row_of_pair, np.concatenate(is_wide))
    return RowPlan(pairs[0], pairs[1], samples, wide)


def _lived(
    spans: pa.Table, entities: Vocabulary, snapshot: Snapshot, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Position of the entity and cutoff of every pair that could be learnt from; `spans`: see `spans_query`.

    The entity had an event before and, since not longer than the longest window, another; and at least the shortest
    windows are over before the end of training.
    """
    times = snapshot.times
    usable = times.cutoffs[times.cutoffs + min(snapshot.item_horizons) * DAY <= times.training_end]
    index = entities.encode(spans.column(0)).astype(np.int64)
    first, last = microseconds(spans.column(1)), microseconds(spans.column(2))
    low = np.searchsorted(usable, first, side="right")
    high = np.searchsorted(usable, last + max(settings.windows) * DAY, side="right")
    count = np.maximum(high - low, 0)
    start = np.cumsum(count) - count
    usable_index = np.repeat(low - start, count) + np.arange(int(count.sum()))
    pairs = np.stack([np.repeat(index, count), usable[usable_index]]) if len(usable) else np.zeros((2, 0), np.int64)
    order = np.lexsort((pairs[1], pairs[0]))
    return pairs[0][order], pairs[1][order]


@dataclass(frozen=True)
class _Represented:
    """Represented rows, and the targets of those that are learnt from: their places among these rows, and values."""

    entity: np.ndarray
    cutoff: np.ndarray
    is_wide: np.ndarray
    values: list[np.ndarray]  # of neighbouring rows
    targets: dict[str, tuple[np.ndarray, np.ndarray]]


def _represent(part: Part, plan: RowPlan, builder: Builder, kept: dict[str, np.ndarray]) -> _Represented:
    """The rows of a part. What nothing happened before teaches nothing of what follows, and gets no targets."""
    rows = np.arange(part.first, part.first + len(part))
    is_seen = _events_before(part.histories, part.cutoffs)[part.row_index] > 0
    targets = {}
    sampled = {kind: np.flatnonzero(plan.samples[kind][rows] & is_seen) for kind in SAMPLES}
    either = np.union1d(*sampled.values()).astype(np.int64)
    values = _targets(part.take(either), builder) if len(either) else None
    for kind, columns in kept.items():
        training_rows = sampled[kind]
        targets_of_rows = np.zeros((0, len(columns)), np.float16)
        if values is not None:
            its_values = values if len(columns) == values.shape[1] else values[:, columns]
            targets_of_rows = its_values.take(np.searchsorted(either, training_rows), axis=0)
        targets[kind] = training_rows, targets_of_rows
    return _Represented(plan.entity[rows], plan.cutoff[rows], plan.is_wide[rows], [builder.represent(part)], targets)


def _targets(part: Part, builder: Builder) -> np.ndarray:
    """What follows the rows of a part before the end of training, float16 (rows, targets)."""
    snapshot = builder.snapshot
    result = target_values(
        part.histories, builder.plans, part.cutoffs, snapshot.activity_horizons, snapshot.item_horizons,
        snapshot.times.training_end,
    )  # fmt: skip
    return part.rows_of(result)


def _events_before(histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
    """Number of events before each cutoff over all sources, (entities, cutoffs)."""
    return np.sum([history.positions(cutoffs) - history.start[:-1, None] for history in histories], axis=0)


def _batched(parts: Iterator[_Represented]) -> Iterator[_Represented]:
    """The same rows, joined until they are worth a file."""
    waiting: list[_Represented] = []
    for part in parts:
        waiting.append(part)
        if sum(values.nbytes for represented in waiting for values in represented.values) >= FILE_BYTES:
            yield _concat(waiting)
            waiting = []
    if waiting:
        yield _concat(waiting)


def _concat(parts: list[_Represented]) -> _Represented:
    starts = np.cumsum([0, *(len(part.entity) for part in parts)])
    targets = {
        kind: (
            np.concatenate([part.targets[kind][0] + low for part, low in zip(parts, starts[:-1], strict=True)]),
            np.concatenate([part.targets[kind][1] for part in parts]),
        )
        for kind in SAMPLES
    }
    entity, cutoff, is_wide = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("entity", "cutoff", "is_wide")
    )
    return _Represented(entity, cutoff, is_wide, [values for part in parts for values in part.values], targets)
