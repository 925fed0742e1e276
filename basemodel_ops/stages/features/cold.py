"""Vectors of items that no event mentioned, from the items that they share facts with: a last step of Cleora."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from basemodel_ops.cleora import Embedding, embed_unseen
from basemodel_ops.encoders import Encoder

NEAREST = 10
"""Items of the nearest texts or images whose vectors a new one takes."""

FREQUENT = 20_000
"""Most mentioned items among which the nearest are looked for."""

CHUNK = 2048
"""Items compared at once."""


@dataclass(frozen=True)
class NeighbourGroups:
    """Groups of items: whose members they are, and which groups a new item takes its vector from."""

    members: csr_matrix  # (groups, items) of 0 and 1
    group: np.ndarray  # (items,) int64, the group of each item, -1 for none

    @classmethod
    def by_value(cls, codes: np.ndarray) -> "NeighbourGroups":
        """A group per value of a fact; `codes` (items,), -1 where it is not known."""
        items = np.flatnonzero(codes >= 0)
        groups = int(codes.max(initial=-1)) + 1
        ones = np.ones(len(items), np.float32)
        return cls(csr_matrix((ones, (codes[items], items)), (groups, len(codes))), codes.astype(np.int64))


def nearest_text_groups(values: pa.Array, encoder: Encoder, counts: np.ndarray) -> NeighbourGroups:
    """A group for each distinct value of items without events: the items with the nearest values.

    Args:
        values: A text or an image per item, (items,).
        encoder: Gives their features.
        counts: How often events mention each item, (items,).
    """
    has_value = values.is_valid().to_numpy(zero_copy_only=False)
    frequent = np.flatnonzero((counts > 0) & has_value)
    frequent = frequent[np.argsort(-counts[frequent], kind="stable")[:FREQUENT]]
    cold = np.flatnonzero((counts == 0) & has_value)
    group = np.full(len(values), -1, np.int64)
    if len(frequent) == 0 or len(cold) == 0:
        return NeighbourGroups(csr_matrix((0, len(values)), dtype=np.float32), group)
    coded = pc.dictionary_encode(values.take(pa.array(cold)))
    group[cold] = coded.indices.to_numpy()
    known = _unit(encoder.features(values.take(pa.array(frequent))))
    count = min(NEAREST, len(frequent))
    rows = []
    for low in range(0, len(coded.dictionary), CHUNK):
        near = _unit(encoder.features(coded.dictionary.slice(low, CHUNK))) @ known.T
        rows.append(frequent[np.argpartition(-near, count - 1, axis=1)[:, :count]])
    columns = np.concatenate(rows)
    start = np.arange(len(columns) + 1) * count
    members = csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), start), (len(columns), len(values)))
    return NeighbourGroups(members, group)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def embed_cold_items(
    embedding: Embedding, neighbour_groups: list[NeighbourGroups], connected: np.ndarray
) -> np.ndarray:
    """Vectors of the items that are not connected, float32 (cold, dimension); zeros where no known item is kin.

    The mean of their groups' means, a group counting the less the larger it is, as hyperedges do; then the last step's
    centring, whitening and length, so that new and known vectors share one space.

    Args:
        embedding: Of all items; those not `connected` have no vectors yet.
        neighbour_groups: Groups by each fact.
        connected: Items with vectors of their own, bool (items,).
    """
    cold = np.flatnonzero(~connected)
    if not neighbour_groups or len(cold) == 0:
        return np.zeros((len(cold), embedding.vectors.shape[1]), np.float32)
    mask = connected.astype(np.float32)
    sums = np.vstack(
        [neighbour_groups.members @ (embedding.previous * mask[:, None]) for neighbour_groups in neighbour_groups]
    )
    sizes = np.concatenate([neighbour_groups.members @ mask for neighbour_groups in neighbour_groups])
    means = np.divide(sums, sizes[:, None], out=np.zeros_like(sums), where=sizes[:, None] > 0)
    offsets = np.cumsum([0, *(len(neighbour_groups.members.indptr) - 1 for neighbour_groups in neighbour_groups)])[:-1]
    # A group without a known member is left out, like a fact that is not known.
    groups = np.stack(
        [np.where(k.group[cold] >= 0, k.group[cold] + at, -1) for k, at in zip(neighbour_groups, offsets, strict=True)],
        1,
    )
    groups = np.where((groups >= 0) & (sizes[groups] > 0), groups, -1)
    weights = np.where(groups >= 0, 1 / np.maximum(sizes[groups], 1), 0)
    space = Embedding(means, means, embedding.mean, embedding.whitening)
    return embed_unseen(space, list(groups), list(weights))
