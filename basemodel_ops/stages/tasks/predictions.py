"""What was answered to rows by models that had not learnt from them: kept, so that anyone can measure it again.

The rows are an artifact of their own, since they name entities: forgetting one removes them, and leaves the model.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.stages.snapshot.parts import PARTS
from basemodel_ops.stages.snapshot.row_cutoffs import INSTANT
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.stages.tasks.selection import Selection
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.recommendation import NO_ITEM
from basemodel_ops.tasks.reranking import Query

PAIRS = 1_000_000
"""Pairs of a row and a label that are kept of a multilabel task, at most: of so many whole rows as fit."""

CHANCES = 5_000_000
"""Chances of all classes that are kept of a multiclass task, at most: of so many rows as fit, the test's first."""

NAMED = 20
"""Items of a ranking that are kept of each row."""


@dataclass(frozen=True)
class PredictionsArtifact:
    """The answered rows of a task."""

    artifact: Artifact

    @staticmethod
    def key(task: str) -> str:
        """The key of the answered rows of a task."""
        return f"{task}/predictions"

    @property
    def rows(self) -> pa.Table:
        """Entity, cutoff, part, label, what ships and the baseline; more columns by the shape of the answers."""
        return self.artifact.table("rows")

    @staticmethod
    def write(writer: ArtifactWriter, rows: pa.Table) -> None:
        """Write the rows."""
        writer.table("rows", rows)


def keep_predictions(store: ArtifactStore, task: str, table: pa.Table, writer: ArtifactWriter) -> None:
    """Write answered rows, and into the draft of the model which rows these are."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    version = hashlib.sha256(sink.getvalue()).hexdigest()[:16]
    key, about = PredictionsArtifact.key(task), {"rows": table.num_rows}
    store.write(key, version, lambda rows: PredictionsArtifact.write(rows, table), about)
    ModelArtifact.write_predictions_version(writer, version)


def read_predictions(store: ArtifactStore, task: str, part: str | None = None) -> pa.Table:
    """Answered rows of the current model of a task, of one part or of all.

    Raises:
        ArtifactError: the task was not fitted yet.
        DataError: the rows were not kept, or were removed since, or none is of that part.
    """
    version = ModelArtifact.current(store, task).predictions_version
    artifact = store.find(PredictionsArtifact.key(task), version) if version else None
    if artifact is None:
        why = "someone among them was forgotten" if version else "an older version fitted it"
        raise DataError(f"No answered rows of {task} are kept: {why}. `basemodel train --task {task}` makes them.")
    table = PredictionsArtifact(artifact).rows
    if part is None:
        return table
    part_rows = table.filter(pc.equal(table.column("part"), part))
    if not part_rows.num_rows:
        there = [name for name in PARTS if name in set(table.column("part").unique().to_pylist())]
        raise DataError(f"No answered rows of {task} are of {part}. There are some of: {', '.join(there)}.")
    return part_rows


def single_predictions(
    task: Task, rows: TaskRows, target: np.ndarray, classes: list[str] | None, chosen: Selection, baseline: str
) -> pa.Table:
    """One row per labelled row of a part: its label and, where a model answered that had not learnt from it, what.

    On the test that model knew all that was known when the test began; on validation and on training rows what was
    known at that moment. `baseline` is that with which the report compares; elsewhere than on the test, boosting on
    aggregates. Of classes, the likeliest one and its probability, and what ships says of every class.
    """
    count = len(rows.cutoff)
    shape = (count, len(classes)) if classes else (count,)
    shipped, baseline_values = np.full(shape, np.nan), np.full(shape, np.nan)
    for index, trial, name in (
        *((part_rows, trial, "baseline") for part_rows, trial in zip(chosen.row_indices, chosen.trials, strict=True)),
        (np.flatnonzero(rows.part == "test"), chosen.test, baseline),
    ):
        prediction = (
            trial.predictions[chosen.name] if trial is chosen.test else chosen.selected.blend(trial.predictions)
        )
        for out, values in ((shipped, prediction), (baseline_values, trial.predictions.get(name))):
            if values is not None:
                out[index] = (
                    _wide(values, classes) if values.ndim == len(shape) else kind_of(task.type).explained(task, values)
                )
    columns: dict[str, pa.Array | np.ndarray] = {**kind_of(task.type).labels(target, rows.target)}
    if classes:
        names = pa.array(classes, pa.string())
        columns["label"] = names.take(pa.array(target))
        for name, values in (("prediction", shipped), ("baseline", baseline_values)):
            known = np.all(np.isfinite(values), axis=1)
            best = np.where(known[:, None], values, 0).argmax(axis=1)
            columns[name] = names.take(pa.array(best, mask=~known))
            top = np.where(known, values.max(axis=1), 0)
            columns["probability" if name == "prediction" else f"{name}_probability"] = pa.array(top, mask=~known)
        columns["probabilities"] = chances_of_classes(task, rows.part, shipped, classes)
    else:
        for name, values in (("prediction", shipped), ("baseline", baseline_values)):
            columns[name] = pa.array(np.nan_to_num(values), mask=~np.isfinite(values))
    columns["weight"] = np.ones(count) if rows.weight is None else rows.weight
    labelled = np.flatnonzero(np.isin(rows.part, PARTS))
    return _rows(task, rows, columns).take(pa.array(labelled))


def chances_of_classes(task: Task, part: np.ndarray, prediction: np.ndarray, classes: list[str]) -> pa.Array:
    """The chances of all classes as the score table has them; null where nothing answered, and of rows beyond the most.

    Where not all fit, test rows go before those of validation, and these before those of training.
    """
    known = np.flatnonzero(np.isfinite(prediction).all(axis=1) & np.isin(part, PARTS))
    drawn = np.random.default_rng(9).permutation(known)
    order = np.argsort([PARTS[::-1].index(name) for name in part[drawn].tolist()], kind="stable")
    kept = np.sort(drawn[order[: max(CHANCES // len(classes), 1)]])
    kind = kind_of(task.type)
    names = [field.name for field in kind.columns(task)]
    chances = kind.cells(task, prediction[kept], classes, None)[names.index("probabilities")]
    row_index = np.full(len(part), -1)
    row_index[kept] = np.arange(len(kept))
    return chances.take(pa.array(np.maximum(row_index, 0), mask=row_index < 0))


def _wide(prediction: np.ndarray, classes: list[str] | None) -> np.ndarray:
    """Answers of as many classes as there are: those that were not learnt have no chance."""
    return np.pad(prediction, ((0, 0), (0, len(classes) - prediction.shape[1]))) if classes else prediction


def _rows(task: Task, rows: TaskRows, columns: dict[str, pa.Array | np.ndarray]) -> pa.Table:
    cutoff = pa.array(rows.cutoff - task.has_row_cutoffs * INSTANT).cast(pa.timestamp("us"))
    return pa.table({task.entity: rows.entity, "cutoff": cutoff, "part": pa.array(rows.part.tolist()), **columns})


def pair_predictions(
    task: Task,
    rows: TaskRows,
    labels: pa.Array,
    target: np.ndarray,
    predictions: dict[str, np.ndarray],
    selected: str,
    seed: int,
) -> pa.Table:
    """One row per test row and label: whether it came, and its chance by what ships and by the baseline.

    Args:
        task: Of many labels.
        rows: Those of the test.
        labels: Known to the task.
        target: bool (rows, labels).
        predictions: By candidate, (rows, labels).
        selected: The candidate that ships.
        seed: Of the rows that are drawn where not all fit.
    """
    count = max(PAIRS // max(len(labels), 1), 1)
    sample = np.arange(len(rows.cutoff))
    if len(sample) > count:
        sample = np.sort(np.random.default_rng((seed, 9)).choice(sample, count, replace=False))
    width = len(labels)
    flat = rows.take(np.repeat(sample, width))
    columns = {
        "item": labels.take(pa.array(np.tile(np.arange(width), len(sample)))),
        "label": target[sample].ravel().astype(np.int8),
        "prediction": predictions[selected][sample].ravel().astype(float),
        "baseline": predictions["baseline"][sample].ravel().astype(float),
    }
    return _rows(task, flat, columns)


def ranked_predictions(
    task: Task,
    samples: Sequence[TaskRows],
    queries: Sequence[Query],
    scores: tuple[Sequence[np.ndarray], Sequence[np.ndarray]],
    items: pa.Array,
) -> pa.Table:
    """One row per test row and rank: the item that ships there and the baseline's, and whether each was taken.

    Args:
        task: Of ranked items.
        samples: The rows of each query.
        queries: Of the test.
        scores: Of what ships and of the baseline, (entities, candidates) for each query.
        items: All of them.
    """
    results = [
        [query.candidates.best(query_scores, NAMED) for query, query_scores in zip(queries, of, strict=True)]
        for of in scores
    ]
    tables = []
    for sample, query, (best, scores), (baseline, _) in zip(samples, queries, *results, strict=True):
        width = best.shape[1]
        taken = [_is_taken(best, query.truth).ravel() for best in (best, baseline)]
        kept = np.flatnonzero((best != NO_ITEM).ravel())
        count = np.array([len(part) for part in query.truth], np.int64)
        columns = {
            "rank": np.tile(np.arange(1, width + 1, dtype=np.int32), len(best)),
            "item": _values(items, best.ravel()),
            "prediction": np.where(np.isfinite(scores), scores, 0).ravel().astype(float),
            "label": taken[0].astype(np.int8),
            "baseline": _values(items, baseline.ravel()),
            "baseline_label": taken[1].astype(np.int8),
            "taken": np.repeat(count, width),
        }
        tables.append(_rows(task, sample.take(np.repeat(np.arange(len(best)), width)), columns).take(pa.array(kept)))
    return pa.concat_tables(tables)


def _is_taken(items: np.ndarray, truth: list[np.ndarray]) -> np.ndarray:
    return np.array([np.isin(named, took) for named, took in zip(items, truth, strict=True)]).reshape(items.shape)


def _values(items: pa.Array, code: np.ndarray) -> pa.Array:
    return items.take(pa.array(np.maximum(code, 0), mask=code < 0))
