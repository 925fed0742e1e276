"""Vectors of nodes that were not there when the embedding was made."""

from collections.abc import Sequence

import numpy as np
from numba import njit, prange

from basemodel_ops.cleora.embedding import Embedding, to_unit_length
from basemodel_ops.errors import DataError, SettingsError


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _means(
    vectors: np.ndarray, start: np.ndarray, members: np.ndarray, weights: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Weighted means of known members' vectors less the shift; zero where there is none."""
    dimension = vectors.shape[1]
    out = np.zeros((len(start) - 1, dimension), np.float32)
    for row in prange(len(out)):
        total = np.float32(0)
        for position in range(start[row], start[row + 1]):
            node = members[position]
            if node >= 0:
                weight = weights[position] if len(weights) else np.float32(1)
                total += weight
                for column in range(dimension):
                    out[row, column] += weight * vectors[node, column]
        if total > 0:
            for column in range(dimension):
                out[row, column] = out[row, column] / total - shift[column]
        else:
            out[row] = 0
    return out


def embed_unseen(
    embedding: Embedding, neighbours: Sequence[np.ndarray], weights: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Vectors of new nodes from the nodes they are seen with, float32 (new, dimension).

    The last step for a node that was not there: mean of its neighbours' vectors from before the step, the same centring
    and whitening, then L2. A node without a known neighbour gets zeros.

    Args:
        embedding: The embedding of the known nodes.
        neighbours: Per new node the known nodes seen with it, once for each time; negative ones are unknown; may be
            empty.
        weights: Per new node its neighbours' weights. Neighbours from hyperedges of different size weigh 1 / size in
            the full step.

    Raises:
        DataError: a neighbour is not a node, or weights do not match.
        SettingsError: the embedding was made without keep_previous.
    """
    if len(embedding.previous) < len(embedding.vectors):
        raise SettingsError("The embedding does not hold the vectors before its last step. Embed with keep_previous.")
    start = np.concatenate([[0], np.cumsum([len(nodes) for nodes in neighbours])]).astype(np.int64)
    members = np.concatenate([np.zeros(0, np.int64), *neighbours]).astype(np.int64)
    weight = np.zeros(0, np.float32)
    if weights is not None:
        weight = np.concatenate([np.zeros(0, np.float32), *weights]).astype(np.float32)
        if len(weight) != len(members) or not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise DataError(
                f"{len(weight)} weights for {len(members)} neighbours; give one per neighbour, finite and not negative."
            )
    if members.max(initial=-1) >= len(embedding.previous):
        raise DataError(
            f"Neighbour {members.max()} is out of range: the embedding has {len(embedding.previous)} nodes. "
            f"Negative indices stand for unknown items."
        )
    return to_unit_length(_means(embedding.previous, start, members, weight, embedding.mean) @ embedding.whitening)
