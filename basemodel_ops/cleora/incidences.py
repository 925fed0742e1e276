"""Incidences as people have them, checked: (node, hyperedge id, weight) rows of any event source."""

import numpy as np

from basemodel_ops.cleora.ids import to_integers
from basemodel_ops.errors import DataError

MOST_INCIDENCES = 2**31 - 1
"""Positions are 32-bit on the device; more rows go through the streamed mode or another shard."""

LEAST_WEIGHT, MOST_WEIGHT = 1e-25, 1e25
"""Weights outside are no weight at all, or would overflow float32."""


def check_count(incidences: int) -> None:
    """Refuse more incidences than 32-bit positions can name, before anything is allocated.

    Raises:
        DataError: there are 2^31 incidences or more.
    """
    if incidences > MOST_INCIDENCES:
        raise DataError(
            f"{incidences:,} incidences in one hypergraph; at most {MOST_INCIDENCES:,} fit. "
            f"Use embed_stream with chunks of fewer, or shards of the hyperedges."
        )


def check_nodes(nodes: np.ndarray, count: int) -> None:
    """Refuse nodes that are no index below `count`; negative ones are unknown items and allowed.

    Raises:
        DataError: not integers, or an index is out of range.
    """
    if nodes.dtype.kind not in "iu":
        raise DataError(f"Nodes must be integer indices, got {nodes.dtype}. Use index_ids to number the ids first.")
    if count > MOST_INCIDENCES:
        raise DataError(f"{count:,} nodes; at most {MOST_INCIDENCES:,} fit. Shard the nodes.")
    if len(nodes) and int(nodes.max()) >= count:
        row = int(nodes.argmax())
        raise DataError(
            f"Node index {int(nodes[row])} in row {row} is out of range: the graph has {count} nodes, "
            f"0 to {count - 1}. Negative indices stand for unknown items."
        )


def check_weights(weights: np.ndarray, rows: int) -> np.ndarray:
    """Weights as float32 (rows,); those of zero and below 1e-25 count for nothing.

    Raises:
        DataError: not one per row, not numbers, NaN, infinite, negative or above 1e25.
    """
    if weights.shape != (rows,):
        raise DataError(f"Weights have shape {weights.shape} for {rows} incidences; give one number per incidence.")
    if weights.dtype.kind not in "fiub":
        raise DataError(f"Weights must be numbers, got {weights.dtype}.")
    if rows == 0:
        return weights.astype(np.float32)
    # The extremes tell of every kind of bad weight, as NaN wins in both, without a mask of all rows.
    least, most = float(weights.min()), float(weights.max())
    if not (least >= 0 and most <= MOST_WEIGHT):
        good = (weights >= 0) & (weights <= MOST_WEIGHT)
        row = int(np.argmin(good))
        raise DataError(
            f"{int(rows - good.sum()):,} of {rows:,} weights are NaN, infinite, negative or above {MOST_WEIGHT:g}, "
            f"the first is {weights[row]} in row {row}. Filter such rows, or clip the value in the dbt model."
        )
    return weights.astype(np.float32, copy=False)


def check_edges(edges: object, rows: int) -> np.ndarray:
    """Hyperedge ids as integers (rows,); text is hashed to 64 bits.

    Raises:
        DataError: not one per row, null, or neither integers nor text.
    """
    ids = to_integers(edges)
    if len(ids) != rows:
        raise DataError(f"{len(ids)} hyperedge ids for {rows} nodes; give one of each per incidence.")
    return ids
