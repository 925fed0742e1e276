"""Answers without a label: the untouched checkpoint, where a task asks for a future that it learnt."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.encoders.numbers import signed_expm1
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.features.encoding import vocabulary_of
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.scoring.answering import Group, Question, entities_asked, ranked_columns
from basemodel_ops.stages.scoring.scoring import ask
from basemodel_ops.stages.tasks.views import pair_views, zero_shot_answer
from basemodel_ops.stages.workspace import Workspace


def zero_shot_relation(task: str, schema: str = "basemodel") -> Relation:
    """Where answers without labels are written; scores of the fitted model stay as they are."""
    return Relation(schema_name=schema, name=f"{task}_zero_shot")


def zero_shot_scores(ws: Workspace, task: str, as_of: datetime, run_id: str) -> Report:
    """Answer the rows at `as_of` by the foundation model alone, and replace that partition of `<task>_zero_shot`.

    No label is read. The foundation model must be there. Entities without events get no answer.

    Raises:
        DataError: the task asks for nothing that was pretrained, or has no rows there.
    """
    declared, checkpoint = ws.contract.task(task), Checkpoint(ws)
    with ws.warehouse() as warehouse:
        entities = entities_asked(warehouse, declared, as_of, is_open=False)
        question = ZeroShotQuestion(ws, declared, as_of, entities, checkpoint)
        return ask(ws, warehouse, [question], as_of, run_id, checkpoint)[task]


class ZeroShotQuestion(Question):
    """What the foundation model foresees, without a head."""

    has_strangers = True

    def __init__(
        self, ws: Workspace, task: Task, as_of: datetime, entities: pa.ChunkedArray, checkpoint: Checkpoint
    ) -> None:
        super().__init__(task, as_of, entities)
        self.model_version = checkpoint.version
        self.relation = zero_shot_relation(task.name, ws.settings.answers_schema)
        self._ws, self._checkpoint, self._labels = ws, checkpoint, None
        if task.type is TaskType.MULTILABEL and task.predicts is not None:
            source, column = task.predicts.source, task.predicts.column
            values = vocabulary_of(ws.current(f"encoders/{source}"), column).values
            self._labels = values.slice(0, checkpoint.layout.select("recency", source, column)[0].length)
            return
        nothing = np.zeros((0, len(checkpoint.blocks)), np.float32)
        is_single = task.type in (TaskType.BINARY, TaskType.REGRESSION)
        if not is_single or zero_shot_answer(checkpoint, nothing, task) is None:
            able = [other.name for other in ws.contract.tasks if is_pretrained(other)]
            raise DataError(
                f"Task {task.name} does not ask for a future that is pretrained, so it cannot be answered without "
                f"labels. Tasks that can: {', '.join(able) or 'none'}. Say what it `predicts`, or fit it."
            )

    def columns(self) -> list[pa.Field]:
        """`score`, `prediction`, or item, score and rank."""
        if self._labels is not None:
            return ranked_columns(self._labels.type)
        return [pa.field("score" if self.task.type is TaskType.BINARY else "prediction", pa.float64())]

    def answer(self, group: Group, rows: np.ndarray) -> pa.Table:
        """The answers to some rows of a group (positions)."""
        entities = group.rows.entities.values.take(pa.array(rows))
        if self._labels is not None:
            logits = pair_views(self._ws, group.rows, self._checkpoint, rows, self.task, self._labels).answer
            best = np.argsort(-logits, axis=1, kind="stable")
            chances = 1 / (1 + np.exp(-np.take_along_axis(logits, best, axis=1)))
            return self.ranked(entities, self._labels.take(pa.array(best.ravel())), chances, best >= 0)
        answer = zero_shot_answer(self._checkpoint, self._checkpoint.activity(group.rows, rows), self.task)
        value = np.zeros(len(rows)) if answer is None else answer[:, 0]
        if self.task.type is TaskType.REGRESSION:
            value = signed_expm1(value)
        return pa.table({self.task.entity: entities, self.columns()[0].name: value})


def is_pretrained(task: Task) -> bool:
    """Whether the contract says that the task's target is a pretrained future."""
    if task.predicts is None or task.horizon is None:
        return False
    return task.type is TaskType.MULTILABEL or task.predicts.aggregate is not None
