"""Rows of a task that were not represented with those of pretraining: they are, when it is fitted."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, vstack

from basemodel_ops.artifacts import ArtifactWriter, version_of
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Task
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.features.feature_store import FeatureStore, RowWriter
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.features.rows import ConcatenatedRows, Represented
from basemodel_ops.stages.progress import Log
from basemodel_ops.stages.snapshot.sampling import TaskPlan
from basemodel_ops.stages.snapshot.snapshot import Snapshot
from basemodel_ops.stages.snapshot.task_rows import TaskRows, positive_entities
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import task_population_query


def examples_of(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, snapshot: Snapshot
) -> tuple[Represented, np.ndarray]:
    """A reader that holds the rows of a task, and the number of each row in it; -1 of an entity that is not read."""
    pool = ExamplesArtifact.current(ws.store)
    row_index = pool.locate(rows.entity, rows.cutoff)
    missing = np.flatnonzero(row_index < 0)
    plan = snapshot.plans[task.name]
    if (task.name in snapshot.pooled and not plan.positives) or len(missing) == 0:
        return pool, row_index
    version = version_of(task.name, pool.version, plan.to_dict(), snapshot.pin("grid"), len(missing))
    key = examples_key(task.name)
    if ws.store.find(key, version) is None:
        missing_rows = rows.take(missing)
        builder = _builder(ws, warehouse, task, snapshot)
        ws.write(key, version, lambda writer: _represent(builder, task, missing_rows, writer, ws.log), {})
    ws.store.point(key, version)
    more = FeatureStore(ws.store.current(key))
    result = more.locate(rows.take(missing).entity, rows.cutoff[missing])
    row_index[missing] = np.where(result >= 0, result + len(pool), -1)
    return ConcatenatedRows([pool, more]), row_index


def examples_key(task: str) -> str:
    """The key of the rows of a task that are not among the training examples."""
    return f"{task}/examples"


def terms_of(ws: Workspace, warehouse: Warehouse, task: Task, rows: TaskRows, snapshot: Snapshot) -> csr_array | None:
    """How often each row of a trait had each of many items, float32 (rows, items): see `Builder.terms`.

    None for other tasks, and where no column has more values than are kept exactly.
    """
    if task.horizon is not None:
        return None
    builder = _builder(ws, warehouse, task, snapshot)
    if not any(plan.vocabularies for plan in builder.plans):
        return None
    entity = builder.entities.encode(rows.entity).astype(np.int64)
    pairs, row_index = np.unique(np.stack([entity, rows.cutoff]), axis=1, return_inverse=True)
    unread = int((pairs[0] < 0).sum())  # these stand first
    counted = list(parallel_map(builder.terms, builder.parts(*pairs[:, unread:])))
    items = sum(size for plan in builder.plans for size in plan.vocabularies.values())
    counted = csr_array(vstack([csr_array((unread, items), dtype=np.float32), *counted], format="csr"))
    return counted[row_index.ravel()]


def _builder(ws: Workspace, warehouse: Warehouse, task: Task, snapshot: Snapshot) -> Builder:
    """What represents the entities that a task draws, whom nothing happened to too."""
    chosen = replace(drawn_entities(warehouse, task, snapshot.plans[task.name]), cold=(task_population_query(task),))
    return Builder(ws, warehouse, snapshot.times.data_end + 1, chosen)


def _represent(
    builder: Builder, task: Task, rows: TaskRows, writer: ArtifactWriter, log: Log
) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
    entity = builder.entities.encode(rows.entity).astype(np.int64)
    pairs = np.unique(np.stack([entity, rows.cutoff])[:, entity >= 0], axis=1)
    written = RowWriter(writer, builder.layout)

    def work(part: Part) -> tuple[Part, np.ndarray]:
        return part, builder.represent(part)

    for part, values in parallel_map(work, builder.parts(*pairs)):
        part_rows = np.arange(part.first, part.first + len(part))
        is_wide = np.full(len(part_rows), task.form.shape is Shape.LABELS)
        written.append(pairs[0][part_rows], pairs[1][part_rows], is_wide, [values])
        log(f"{task.name}: {written.rows:,} of {pairs.shape[1]:,} rows that were not represented before")
    written.finish(builder.entities)
    return {"rows": written.rows}, {}


def drawn_entities(warehouse: Warehouse, task: Task, plan: TaskPlan) -> Chosen:
    """The entities that a task draws, and those whose positive rows are kept."""
    if not plan.positives:
        return Chosen(plan.read)
    return Chosen(plan.read, also=warehouse.sampled(positive_entities(warehouse, task), task.entity, plan.positives))
