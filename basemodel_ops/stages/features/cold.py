"""Vectors of things that no event mentioned, from the things that they share facts with: a last step of Cleora."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from basemodel_ops.cleora import Embedding, embed_unseen
from basemodel_ops.encoders import Encoder

NEAREST = 10
"""Things of the nearest texts or images whose vectors a new one takes."""

FAMILIAR = 20_000
"""Most mentioned things among which the nearest are looked for."""

CHUNK = 2048
"""Things compared at once."""


@dataclass(frozen=True)
class Kin:
    """Groups of things: whose members they are, and which groups a new thing takes its vector from."""

    members: csr_matrix  # (groups, things) of 0 and 1
    group: np.ndarray  # (things,) int64, the group of each thing, -1 for none

    @classmethod
    def sharing(cls, codes: np.ndarray) -> "Kin":
        """A group per value of a fact; `codes` (things,), -1 where it is not known."""
        things = np.flatnonzero(codes >= 0)
        groups = int(codes.max(initial=-1)) + 1
        ones = np.ones(len(things), np.float32)
        return cls(csr_matrix((ones, (codes[things], things)), (groups, len(codes))), codes.astype(np.int64))


def text_kin(values: pa.Array, encoder: Encoder, counts: np.ndarray) -> Kin:
    """A group for each distinct value of things without events: the things with the nearest values.

    Args:
        values: A text or an image per thing, (things,).
        encoder: Gives their features.
        counts: How often events mention each thing, (things,).
    """
    has_value = values.is_valid().to_numpy(zero_copy_only=False)
    familiar = np.flatnonzero((counts > 0) & has_value)
    familiar = familiar[np.argsort(-counts[familiar], kind="stable")[:FAMILIAR]]
    cold = np.flatnonzero((counts == 0) & has_value)
    group = np.full(len(values), -1, np.int64)
    if len(familiar) == 0 or len(cold) == 0:
        return Kin(csr_matrix((0, len(values)), dtype=np.float32), group)
    coded = pc.dictionary_encode(values.take(pa.array(cold)))
    group[cold] = coded.indices.to_numpy()
    known = _unit(encoder.features(values.take(pa.array(familiar))))
    count = min(NEAREST, len(familiar))
    rows = []
    for low in range(0, len(coded.dictionary), CHUNK):
        near = _unit(encoder.features(coded.dictionary.slice(low, CHUNK))) @ known.T
        rows.append(familiar[np.argpartition(-near, count - 1, axis=1)[:, :count]])
    columns = np.concatenate(rows)
    start = np.arange(len(columns) + 1) * count
    members = csr_matrix((np.ones(columns.size, np.float32), columns.ravel(), start), (len(columns), len(values)))
    return Kin(members, group)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def embed_cold(embedding: Embedding, kin: list[Kin], connected: np.ndarray) -> np.ndarray:
    """Vectors of the things that are not connected, float32 (cold, dimension); zeros where no known thing is kin.

    The mean of their groups' means, a group counting the less the larger it is, as hyperedges do; then the last step's
    centring, whitening and length, so that new and known vectors share one space.

    Args:
        embedding: Of all things; those not `connected` have no vectors yet.
        kin: Groups by each fact.
        connected: Things with vectors of their own, bool (things,).
    """
    cold = np.flatnonzero(~connected)
    if not kin or len(cold) == 0:
        return np.zeros((len(cold), embedding.vectors.shape[1]), np.float32)
    mask = connected.astype(np.float32)
    sums = np.vstack([one.members @ (embedding.previous * mask[:, None]) for one in kin])
    sizes = np.concatenate([one.members @ mask for one in kin])
    means = np.divide(sums, sizes[:, None], out=np.zeros_like(sums), where=sizes[:, None] > 0)
    offsets = np.cumsum([0, *(len(one.members.indptr) - 1 for one in kin)])[:-1]
    # A group without a known member is left out, like a fact that is not known.
    groups = np.stack(
        [np.where(k.group[cold] >= 0, k.group[cold] + at, -1) for k, at in zip(kin, offsets, strict=True)], 1
    )
    groups = np.where((groups >= 0) & (sizes[groups] > 0), groups, -1)
    weights = np.where(groups >= 0, 1 / np.maximum(sizes[groups], 1), 0)
    space = Embedding(means, means, embedding.mean, embedding.whitening)
    return embed_unseen(space, list(groups), list(weights))
