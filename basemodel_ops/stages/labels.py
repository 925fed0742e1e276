"""Reading a task: its rows, which of them are complete, and the features of each."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.foundation import FoundationModel
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.examples import Examples
from basemodel_ops.stages.workspace import Times, Workspace, microseconds, table_of
from basemodel_ops.tasks.multilabel import PairViews
from basemodel_ops.tasks.single import Views
from basemodel_ops.tasks.split import split_cutoffs
from basemodel_ops.warehouse.base import Warehouse


@dataclass(frozen=True)
class Rows:
    """(entity, cutoff) pairs to which a task applies, and the part each belongs to."""

    entity: pa.ChunkedArray
    cutoff: np.ndarray  # microseconds
    target: pa.ChunkedArray | None
    part: np.ndarray  # "train", "validation", "test", "gap" or "open"

    def take(self, chosen: np.ndarray) -> "Rows":
        """The chosen rows (positions)."""
        target = None if self.target is None else self.target.take(pa.array(chosen))
        return Rows(self.entity.take(pa.array(chosen)), self.cutoff[chosen], target, self.part[chosen])


def _read(warehouse: Warehouse, relation: Relation, columns: list[str]) -> pa.Table:
    query = exp.select(*[exp.column(name, quoted=True) for name in columns]).from_(table_of(relation))
    return warehouse.read(query.order_by(*[exp.column(name, quoted=True) for name in columns]))


def population(warehouse: Warehouse, task: Task, times: Times) -> Rows:
    """The rows of a task, ordered by entity and cutoff, with their parts.

    Raises:
        DataError: nothing to learn from.
    """
    has_target = task.population is None
    columns = [task.entity, task.cutoff, *([task.target] if has_target else [])]
    table = _read(warehouse, task.population or task.relation, columns)
    cutoff = microseconds(table.column(task.cutoff))
    target = table.column(task.target) if has_target else None
    part = np.full(len(cutoff), "open", dtype="<U10")
    if task.horizon is None:
        labelled = np.asarray(pc.is_valid(target)) if target is not None else np.zeros(len(cutoff), bool)
        part[labelled] = "train"
    else:
        split = split_cutoffs(times.cutoffs, times.data_end, task.horizon, task.name)
        part[cutoff + task.horizon * DAY <= times.data_end] = "gap"
        for name in ("train", "validation", "test"):
            part[np.isin(cutoff, getattr(split, name))] = name
    rows = Rows(table.column(task.entity), cutoff, target, part)
    if not (part != "open").any():
        raise DataError(f"Task {task.name} has no labelled rows in {task.relation}. Its target is null everywhere.")
    return rows


def newest_per_entity(rows: Rows) -> Rows:
    """The newest labelled row of each entity: a trait is one label, however many cutoffs repeat it."""
    labelled = np.flatnonzero(rows.part != "open")
    codes = pc.dictionary_encode(rows.entity.combine_chunks()).indices.to_numpy(zero_copy_only=False)[labelled]
    order = np.lexsort((rows.cutoff[labelled], codes))
    last = np.append(np.diff(codes[order]) != 0, True)
    return rows.take(np.sort(labelled[order[last]]))


def _gather(
    examples: Examples, model: FoundationModel | None, place: np.ndarray, pick: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Chosen inputs, predicted activity and thing logits of the rows at `place` (float32, float32, float16)."""
    chosen = np.zeros((len(place), len(pick)), np.float32)
    activity, things, index = [], [], []
    for first, arrays in examples.shards():
        mine = np.flatnonzero((place >= first) & (place < first + len(arrays["values"])))
        if len(mine) == 0:
            continue
        rows = arrays["values"][place[mine] - first]
        chosen[mine] = rows[:, pick]
        index.append(mine)
        if model is not None:
            own_activity, own_things = model.futures(rows)
            activity.append(own_activity)
            things.append(own_things.astype(np.float16))
    order = np.argsort(np.concatenate(index)) if index else np.zeros(0, np.int64)
    if model is None:
        return chosen, np.zeros((len(place), 0), np.float32), np.zeros((len(place), 0, 0), np.float16)
    return chosen, np.concatenate(activity)[order], np.concatenate(things)[order]


def single_views(examples: Examples, model: FoundationModel, place: np.ndarray, task: Task) -> Views:
    """Views for a single-answer task. A trait is read from the raw representation, without the facts it is made of."""
    if task.type is TaskType.MULTICLASS or task.horizon is None:
        automatic = examples.positions("scalar", "count", "attribute", without=task.reads)
        raw = examples.positions("scalar", "count", "sketch", "pooled", "attribute", without=task.reads)
        values, _, _ = _gather(examples, None, place, np.concatenate([automatic, raw]))
        return Views(values[:, : len(automatic)], values[:, len(automatic) :])
    pick = examples.positions("scalar", "attribute", "calendar", without=task.reads)
    values, activity, _ = _gather(examples, model, place, pick)
    return Views(values, activity)


def pair_views(
    ws: Workspace, examples: Examples, model: FoundationModel, place: np.ndarray, task: Task, labels: pa.Array
) -> PairViews:
    """Views of (row, label) pairs; a label among the exactly kept things carries its own features, others zeros."""
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it predicts. Add `predicts`.")
    source, column = task.predicts.source, task.predicts.column
    blocks = [*examples.layout.select("count", source, column), *examples.layout.select("recency", source, column)]
    scalars = np.array([b.offset for b in examples.layout.blocks if b.kind == "scalar" and b.source == source])
    encoder = ws.current(f"encoders/{source}").table(column)
    at = pc.index_in(labels.cast(encoder.column("value").type), value_set=encoder.column("value").combine_chunks())
    at = np.asarray(at.fill_null(2**31 - 1))
    size = blocks[0].length
    known = at < size
    pick = np.concatenate([*[b.offset + np.where(known, at, 0) for b in blocks], scalars])
    values, _, things = _gather(examples, model, place, pick)
    own = values[:, : len(blocks) * len(labels)].reshape(len(place), len(blocks), len(labels)).transpose(0, 2, 1)
    own = np.where(known[None, :, None], own, 0)
    offset = _thing_offset(examples, source, column)
    learnt = things[:, :, np.where(known, offset + at, 0)].transpose(0, 2, 1).astype(np.float32)
    learnt = np.where(known[None, :, None], learnt, -8.0)
    return PairViews(own, learnt, values[:, len(blocks) * len(labels) :])


def _thing_offset(examples: Examples, source: str, column: str) -> int:
    """Where a column's things begin among all things, which stand in the order of the recency blocks."""
    offset = 0
    for block in examples.layout.select("recency"):
        if (block.source, block.column) == (source, column):
            return offset
        offset += block.length
    raise DataError(f"No things of {column} in {source} are known: it has no values before the end of training.")
