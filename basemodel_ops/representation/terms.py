"""How often an entity had each of many items, sparse: what a trait is told by may be in the tail."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack

from basemodel_ops.representation.build import SourcePlan
from basemodel_ops.representation.history import History


def term_frequencies(histories: Sequence[History], plans: Sequence[SourcePlan], cutoffs: np.ndarray) -> csr_array:
    """log(1 + events) of every item of the columns that have more than are kept exactly.

    Args:
        histories: Of the same entities, one per source.
        plans: Of the sources.
        cutoffs: Microseconds, of each entity (entities, cutoffs); only events strictly before count.

    Returns:
        float32 (entities x cutoffs, items), the cutoffs of an entity side by side; items of all columns in order.
    """
    entities, count = cutoffs.shape
    blocks: list[Any] = [csr_array((entities * count, 0), dtype=np.float32)]
    for history, plan in zip(histories, plans, strict=True):
        entity = history.entity_index
        for column, size in plan.vocabularies.items():
            item = history.item_ids[column]
            before = [np.flatnonzero((item >= 0) & (history.time < cutoff[entity])) for cutoff in cutoffs.T]
            row = np.concatenate([entity[events] * count + number for number, events in enumerate(before)])
            coordinates = row, item[np.concatenate(before)]
            blocks.append(csr_array((np.ones(len(row), np.float32), coordinates), shape=(entities * count, size)))
    counted = csr_array(hstack(blocks, format="csr", dtype=np.float32))
    counted.data = np.log1p(counted.data)
    return counted
