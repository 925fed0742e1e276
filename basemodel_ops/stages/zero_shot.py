"""Answers without a label: the untouched checkpoint, where a task asks for a future that it learnt."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import version_of
from basemodel_ops.code import code_version
from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.errors import DataError
from basemodel_ops.report import Report
from basemodel_ops.stages.checkpoint import Checkpoint
from basemodel_ops.stages.encoding import vocabulary_of
from basemodel_ops.stages.labels import Rows, pair_views, zero_shot_answer
from basemodel_ops.stages.rows import Examples
from basemodel_ops.stages.scoring import ranked, stamped
from basemodel_ops.stages.workspace import Workspace, microseconds, to_microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query


def zero_shot_relation(task: str) -> Relation:
    """Where answers without labels are written; scores of the fitted model stay as they are."""
    return Relation(schema_name="basemodel", name=f"{task}_zero_shot")


def zero_shot_scores(ws: Workspace, task: str, as_of: datetime, run_id: str) -> Report:
    """Answer the rows at `as_of` by the foundation model alone, and replace that partition of `<task>_zero_shot`.

    No label is read. The foundation model and the representation of that week must be there.

    Raises:
        DataError: the task asks for nothing that was pretrained, or has no rows there.
    """
    declared = ws.contract.task(task)
    foundation = ws.current("foundation_model")
    examples = Examples(ws.current(f"entity_representation/{as_of:%Y-%m-%d}"))
    with ws.warehouse() as warehouse:
        rows = _rows(warehouse, declared, as_of)
        place = examples.locate(rows.entity, rows.cutoff)
        kept = np.flatnonzero(place >= 0)
        answers = _answers(ws, declared, rows.take(kept), examples, place[kept])
        mark = warehouse.fingerprint(declared.population or declared.relation, [declared.entity, declared.cutoff])
        version = version_of("zero-shot", task, as_of, foundation.version, examples.artifact.version, mark)
        table = stamped(answers, as_of, foundation.version, run_id)
        written = warehouse.publish(zero_shot_relation(task), table, {"as_of": as_of}, version, code_version(), run_id)
    return Report(version, not written, {"rows": table.num_rows, "entities": len(kept), "written": int(written)})


def _rows(warehouse: Warehouse, task: Task, as_of: datetime) -> Rows:
    table = warehouse.read(rows_query(task.population or task.relation, [task.entity, task.cutoff]))
    cutoff = microseconds(table.column(task.cutoff))
    chosen = np.flatnonzero(cutoff == to_microseconds(as_of))
    if len(chosen) == 0:
        raise DataError(f"Task {task.name} has no rows as of {as_of:%Y-%m-%d}. Ask for one of its cutoffs.")
    part = np.full(len(cutoff), "open", dtype="<U10")
    return Rows(table.column(task.entity), cutoff, None, part).take(chosen)


def _answers(ws: Workspace, task: Task, rows: Rows, examples: Examples, place: np.ndarray) -> pa.Table:
    checkpoint = Checkpoint(ws)
    if task.type is TaskType.MULTILABEL and task.predicts is not None:
        source, column = task.predicts.source, task.predicts.column
        values = vocabulary_of(ws.current(f"encoders/{source}"), column).values
        labels = values.slice(0, examples.layout.select("recency", source, column)[0].length)
        logits = pair_views(ws, examples, checkpoint, place, task, labels).answer
        best = np.argsort(-logits, axis=1, kind="stable")
        chances = 1 / (1 + np.exp(-np.take_along_axis(logits, best, axis=1)))
        return ranked(task, rows, labels.take(pa.array(best.ravel())), chances)
    answer = zero_shot_answer(checkpoint, checkpoint.activity(examples, place), task)
    if answer is None or task.type not in (TaskType.BINARY, TaskType.REGRESSION):
        able = [other.name for other in ws.contract.tasks if is_pretrained(other)]
        raise DataError(
            f"Task {task.name} does not ask for a future that is pretrained, so it cannot be answered without labels. "
            f"Tasks that can: {', '.join(able) or 'none'}. Say what it `predicts`, or fit it."
        )
    value = answer[:, 0]
    if task.type is TaskType.BINARY:
        return pa.table({task.entity: rows.entity, "score": value})
    return pa.table({task.entity: rows.entity, "prediction": np.sign(value) * np.expm1(np.abs(value))})


def is_pretrained(task: Task) -> bool:
    """Whether the contract says that the task's target is a pretrained future."""
    if task.predicts is None or task.horizon is None:
        return False
    return task.type is TaskType.MULTILABEL or task.predicts.aggregate is not None
