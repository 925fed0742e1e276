"""Answers without a label: the untouched checkpoint, where a task asks for a future that it learnt."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.task_types import Shape
from basemodel_ops.contract.types import Contract, Relation, Task
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import Group, Question, ranked_columns
from basemodel_ops.stages.scoring.population import Population, population_at
from basemodel_ops.stages.scoring.scoring import answer_questions
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime
from basemodel_ops.stages.tasks.feature_sets import pair_feature_sets, zero_shot_prediction
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import column_of, table_of, timestamp_of


def zero_shot_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where answers without labels are written; scores of the fitted model stay as they are."""
    return Relation(schema_name=schema, name=f"{task}_zero_shot")


def zero_shot_scores(ws: Workspace, task: str, as_of: datetime, run_id: str) -> Report:
    """Answer the rows at `as_of` by the foundation model alone, and replace that partition of `<task>_zero_shot`.

    The answers are made from no label; where there are labels, the report says how far they are from what is answered.
    The foundation model must be there. Entities without events get no answer.

    Raises:
        DataError: the task asks for nothing that was pretrained, or has no rows there.
    """
    declared, checkpoint = ws.contract.task(task), Checkpoint(ws.store)
    with ws.warehouse() as warehouse:
        population = population_at(warehouse, ws.contract.grid, declared, as_of, is_open=False)
        labels = _labels(ws.store, checkpoint, declared)
        if labels is None:
            _refuse_untrained(ws.contract, checkpoint, declared)
        question = ZeroShotQuestion(declared, as_of, population, checkpoint, labels)
        question.relation = zero_shot_relation(task, ws.settings.answers_schema)
        report = answer_questions(ws, warehouse, [question], as_of, run_id, checkpoint)[task]
        compared = compare_with_labels(warehouse, ws.contract, declared, question, as_of)
        return replace(report, metrics={**report.metrics, **compared})


def _labels(store: ArtifactStore, checkpoint: Checkpoint, task: Task) -> pa.Array | None:
    """What a task of many labels is answered with: the exactly kept items of its column, the most frequent first."""
    if task.form.shape is not Shape.LABELS or task.predicts is None:
        return None
    source, column = task.predicts.source, task.predicts.column
    values = EncoderArtifact.current(store, source).vocabulary(column).values
    return values.slice(0, checkpoint.layout.select("recency", source, column)[0].length)


def _refuse_untrained(contract: Contract, checkpoint: Checkpoint, task: Task) -> None:
    """DataError where a task of one answer asks for nothing that was pretrained."""
    no_rows = np.zeros((0, len(checkpoint.blocks)), np.float32)
    if not task.form.aggregates or zero_shot_prediction(checkpoint, no_rows, task) is None:
        able = [other.name for other in contract.tasks if is_pretrained(other)]
        raise DataError(
            f"Task {task.name} does not ask for a future that is pretrained, so it cannot be answered without "
            f"labels. Tasks that can: {', '.join(able) or 'none'}. Say what it `predicts`, or fit it."
        )


class ZeroShotQuestion(Question):
    """What the foundation model predicts, without a head."""

    covers_cold_start = False  # pretraining learns nothing of rows before which nothing happened

    def __init__(
        self, task: Task, as_of: datetime, population: Population, checkpoint: Checkpoint, labels: pa.Array | None
    ) -> None:
        """Of these labels; None of a task of one answer."""
        super().__init__(task, as_of, population)
        self.model_version = checkpoint.version
        self._checkpoint, self._labels = checkpoint, labels

    def columns(self) -> list[pa.Field]:
        """`score`, `prediction`, or item, score and rank."""
        if self._labels is not None:
            return ranked_columns(self._labels.type)
        return kind_of(self.task.type).columns(self.task)[:1]

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions)."""
        key = self.key_of_rows(group, rows)
        if self._labels is not None:
            item_ids = np.arange(len(self._labels))  # they are the first of their vocabulary
            logits = pair_feature_sets(group.rows, self._checkpoint, rows, self.task, item_ids).zero_shot
            best = np.argsort(-logits, axis=1, kind="stable")
            chances = 1 / (1 + np.exp(-np.take_along_axis(logits, best, axis=1)))
            return self.ranked(key, self._labels.take(pa.array(best.ravel())), chances, best >= 0)
        answer = zero_shot_prediction(self._checkpoint, self._checkpoint.activity(group.rows, rows), self.task)
        value = np.zeros(len(rows)) if answer is None else answer[:, 0]
        return pa.table({**key, self.columns()[0].name: kind_of(self.task.type).inverse_transform(value)})


APART, FAR = 3.0, 0.2
"""Ratio of two means, or difference of two chances, from which on answers and labels are not about the same people."""

LABELLED_CUTOFFS, LABELS = 4, 30
"""Newest complete cutoffs whose labels are compared, and labels below which they say nothing."""


def compare_with_labels(
    warehouse: Warehouse, contract: Contract, task: Task, question: Question, as_of: datetime
) -> dict[str, float | int | str]:
    """The mean of what was answered and of the newest labels, and a `warning` where these are far apart.

    The foundation model predicts what people like those with events do; a task may be about others.
    """
    if not task.form.aggregates or task.horizon is None:
        return {}
    grid = contract.grid
    end = warehouse.read(exp.select(exp.Max(this=column_of(grid.data_end))).from_(table_of(grid.relation))).column(0)
    last = timestamp_of(to_datetime(int(microseconds(end)[0])) - timedelta(days=task.horizon))
    is_labelled = exp.and_(
        exp.LTE(this=column_of(task.cutoff), expression=last), column_of(task.target).is_(exp.null()).not_()
    )
    cutoffs = exp.select(column_of(task.cutoff)).distinct().from_(table_of(task.relation)).where(is_labelled)
    count = LABELLED_CUTOFFS * LABELS if task.has_row_cutoffs else LABELLED_CUTOFFS
    newest = cutoffs.order_by(exp.Ordered(this=column_of(task.cutoff), desc=True)).limit(count)
    timestamps = sorted(microseconds(warehouse.read(newest).column(0)).tolist())
    if not timestamps:
        return {}
    first = exp.GTE(this=column_of(task.cutoff), expression=timestamp_of(to_datetime(timestamps[0])))
    labels = exp.select(column_of(task.target)).from_(table_of(task.relation)).where(exp.and_(is_labelled, first))
    known = pc.cast(warehouse.read(labels).column(0), pa.float64())
    name = question.columns()[0].name
    at_timestamp = exp.EQ(this=column_of("as_of"), expression=timestamp_of(as_of))
    predictions = warehouse.read(
        exp.select(column_of(name)).from_(table_of(question.relation)).where(at_timestamp)
    ).column(0)
    if len(known) < LABELS or not len(predictions):
        return {}
    mean_answer, true = float(pc.mean(predictions).as_py()), float(pc.mean(known).as_py())
    results: dict[str, float | int | str] = {"mean_answer": round(mean_answer, 4), "mean_label": round(true, 4)}
    if _are_apart(mean_answer, true, task.form.is_chance):
        results["warning"] = (
            f"The mean answer is {mean_answer:.3g}, and the mean of {len(known)} labels of the last {len(timestamps)} "
            "complete "
            f"cutoffs is {true:.3g}: {task.name} asks about others than the foundation model learnt from, or its "
            "target is not what `predicts` says. Do not use these answers; "
            f"`basemodel run --task {task.name}` learns from the labels."
        )
    return results


def _are_apart(first: float, second: float, is_chance: bool) -> bool:
    """Whether two means, of chances or of amounts, are too far from each other to be of the same people."""
    low, high = sorted(max(abs(value), 1e-6) for value in (first, second))
    return high / low >= APART or (is_chance and high - low >= FAR)


def is_pretrained(task: Task) -> bool:
    """Whether the contract says that the task's target is a pretrained future."""
    if task.predicts is None or task.horizon is None:
        return False
    return task.form.shape is Shape.LABELS or task.predicts.aggregate is not None
