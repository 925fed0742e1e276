"""Tasks whose rows are positive items: the items per entity and cutoff."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query


@dataclass(frozen=True)
class PositiveItems:
    """(entity, cutoff, item) rows; `labels` are the distinct items, sorted."""

    frame: pd.DataFrame  # entity, cutoff (microseconds), label (index into labels)
    labels: pa.Array

    def items_of(self, rows: TaskRows, items: Vocabulary) -> list[np.ndarray]:
        """Item codes of every row; items that the vocabulary lacks count as positives nobody can rank (-1)."""
        codes = items.encode(self.labels)
        order = pd.DataFrame(
            {"entity": rows.entity.to_pandas(), "cutoff": rows.cutoff, "row": np.arange(len(rows.cutoff))}
        )
        merged = order.merge(self.frame, on=["entity", "cutoff"])
        row, code = merged["row"].to_numpy(), codes[merged["label"].to_numpy()]
        # Unknown items keep distinct negative codes, so that recall counts each of them as missed.
        code = np.where(code >= 0, code, -1 - merged["label"].to_numpy())
        by_row = np.argsort(row, kind="stable")
        return np.split(code[by_row], np.searchsorted(row[by_row], np.arange(1, len(rows.cutoff))))


def read_positive_items(warehouse: Warehouse, task: Task, share: float = 1.0) -> PositiveItems:
    """The positive rows of a share of a task's entities; DataError if there are none."""
    query = rows_query(task.relation, [task.entity, task.cutoff, task.target])
    table = warehouse.read(warehouse.sampled(query, task.entity, share))
    if table.num_rows == 0:
        raise DataError(f"Task {task.name} has no positive rows in {task.relation}.")
    labels = pc.unique(table.column(task.target).combine_chunks())
    labels = labels.take(pc.sort_indices(labels))
    frame = pd.DataFrame(
        {
            "entity": table.column(task.entity).to_pandas(),
            "cutoff": microseconds(table.column(task.cutoff)),
            "label": np.asarray(pc.index_in(table.column(task.target), value_set=labels)),
        }
    )
    return PositiveItems(frame, labels)


def truth_matrix(positive_items: PositiveItems, rows: TaskRows) -> np.ndarray:
    """Which labels are positive, bool (rows, labels)."""
    order = pd.DataFrame({"entity": rows.entity.to_pandas(), "cutoff": rows.cutoff, "row": np.arange(len(rows.cutoff))})
    merged = order.merge(positive_items.frame, on=["entity", "cutoff"])
    out = np.zeros((len(rows.cutoff), len(positive_items.labels)), bool)
    out[merged["row"].to_numpy(), merged["label"].to_numpy()] = True
    return out
