"""What items have to do with each other, learnt from everybody's events: which follow which, and which go together."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.bank.similarity import similarity
from basemodel_ops.foundation.retrieval import Sequences

GAPS = 5
"""Occasions between two items, at most, so that one is said to follow the other."""

BACKWARD = 0.5
"""Weight of having come before, beside that of coming after."""

MOST_PRODUCTS = 40_000_000
"""Pairs of events that are counted, at most; of the most frequent items where there are more."""

FOLLOWERS = 1000
"""Strongest of what follows an item; the others say little, and are most of the work."""

SIMILAR_ITEMS = 2000
"""Most popular items between which similarity is solved for; others have none."""

RIDGE = 500.0
"""Penalty of the item similarities."""


@dataclass(frozen=True)
class Relations:
    """Weights from an item that an entity had to one that it may take."""

    follows: csr_matrix  # (items, items)
    similar_place: np.ndarray  # (items,) row of `similarity`, -1 for none
    similarity: np.ndarray  # (similar items, similar items)

    @classmethod
    def of(cls, sequences: Sequences, items: int) -> "Relations":
        """Learnt from all of these events."""
        return cls(transitions(sequences, items), *similarities(sequences, items))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        follows = {name: getattr(self.follows, name) for name in ("data", "indices", "indptr")}
        return {**follows, "similar_place": self.similar_place, "similarity": self.similarity}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Relations":
        """The inverse of `arrays`."""
        items = len(arrays["similar_place"])
        follows = csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), (items, items))
        return cls(follows, arrays["similar_place"], arrays["similarity"])


def transitions(sequences: Sequences, items: int) -> csr_matrix:
    """How often an item followed another, float32 (items, items).

    A pair counts 1 / gap, half as much backward, at gaps of up to `GAPS` occasions of one entity; a row is divided by
    the root of its item's events, so that frequent items speak less than all their events together.
    """
    count = np.bincount(sequences.item, minlength=items)
    owner = np.repeat(np.arange(len(sequences.start) - 1), np.diff(sequences.start))
    occasions = int(sequences.occasion[-1]) + 1 if len(owner) else 0
    owner_of = np.zeros(occasions, np.int64)
    owner_of[sequences.occasion] = owner
    by_count = np.argsort(-count, kind="stable")
    most = int((count > 0).sum())
    while True:
        known = np.zeros(items, bool)
        known[by_count[:most]] = True
        kept = known[sequences.item]
        size = np.bincount(sequences.occasion[kept], minlength=occasions).astype(np.int64)
        joined = [(gap, owner_of[gap:] == owner_of[:-gap]) for gap in range(1, min(GAPS, occasions - 1) + 1)]
        if sum(int((size[gap:] * size[:-gap])[same].sum()) for gap, same in joined) <= MOST_PRODUCTS:
            break
        most //= 2
    there = csr_matrix(
        (np.ones(int(kept.sum()), np.float32), (sequences.occasion[kept], sequences.item[kept])), (occasions, items)
    )
    total = csr_matrix((items, items), dtype=np.float32)
    for gap, same in joined:
        total = total + there[:-gap][same].T @ there[gap:][same] * np.float32(1 / gap)
    both = csr_matrix(total + np.float32(BACKWARD) * total.T)
    scale = 1 / np.sqrt(np.maximum(count, 1)).astype(np.float32)
    return csr_matrix(diags_array(scale, dtype=np.float32) @ _strongest(both))


def _strongest(matrix: csr_matrix) -> csr_matrix:
    """Of every row the `FOLLOWERS` largest values, and what equals the last of them."""
    for row in np.flatnonzero(np.diff(matrix.indptr) > FOLLOWERS):
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        values[values < np.partition(values, -FOLLOWERS)[-FOLLOWERS]] = 0
    matrix.eliminate_zeros()
    return matrix


def similarities(sequences: Sequences, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Which items have similarities, and these."""
    count = np.bincount(sequences.item, minlength=items)
    best = np.sort(np.argsort(-count, kind="stable")[: min(SIMILAR_ITEMS, int((count > 0).sum()))])
    place = np.full(items, -1)
    place[best] = np.arange(len(best))
    owner = np.repeat(np.arange(len(sequences.start) - 1), np.diff(sequences.start))
    mine = place[sequences.item] >= 0
    shape = (len(sequences.start) - 1, len(best))
    counts = csr_matrix((np.ones(int(mine.sum())), (owner[mine], place[sequences.item[mine]])), shape)
    counts.data = np.log1p(counts.data)
    return place, similarity(np.asarray((counts.T @ counts).todense()), RIDGE)
