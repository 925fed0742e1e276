"""Which items may be recommended when, where a task says so."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.contract.types import Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.stages.snapshot.times import microseconds, to_datetime
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import rows_query


@dataclass(frozen=True)
class EligibleItems:
    """Known items offered at cutoffs, sorted by cutoff."""

    name: str
    cutoff: np.ndarray  # (offers,) microseconds
    item: np.ndarray  # (offers,) codes
    items: int

    def at(self, cutoff: int) -> np.ndarray:
        """Which items are offered at a cutoff (microseconds), bool (items,); DataError if none is."""
        low, high = np.searchsorted(self.cutoff, [cutoff, cutoff + 1])
        result = np.zeros(self.items, bool)
        result[self.item[low:high]] = True
        if not result.any():
            raise DataError(
                f"{self.name} offers no known item at {key_of(to_datetime(cutoff))}. It has "
                f"{len(np.unique(self.cutoff))} cutoffs. Return the items of every cutoff of the task's grid."
            )
        return result


def read_eligible_items(warehouse: Warehouse, task: Task, items: Vocabulary) -> EligibleItems:
    """The offers of a task that has some; items that nobody knows of are left out."""
    if task.offers is None:
        raise DataError(f"Task {task.name} offers nothing. Add `offers`, the model of (item, cutoff) rows.")
    table = warehouse.read(rows_query(task.offers, [task.target, task.cutoff]))
    item, cutoff = items.encode(table.column(task.target)), microseconds(table.column(task.cutoff))
    order = np.argsort(cutoff, kind="stable")
    order = order[item[order] >= 0]
    return EligibleItems(str(task.offers), cutoff[order], item[order], len(items))
