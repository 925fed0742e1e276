"""What items have to do with each other, learnt from everybody's events: which follow which, and which go together."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.boosting.ease import ease_weights
from basemodel_ops.foundation.retrieval import Sequences

GAPS = 5
"""Sessions between two items, at most, so that one is said to follow the other."""

BACKWARD = 0.5
"""Weight of having come before, beside that of coming after."""

MOST_PRODUCTS = 40_000_000
"""Pairs of events that are counted, at most; of the most frequent items where there are more."""

FOLLOWERS = 300
"""Strongest of what follows an item; the others say little, and are most of the work."""

SIMILAR_ITEMS = 2000
"""Most popular items between which similarity is solved for; others have none."""

RIDGE = 500.0
"""Penalty of the item similarities."""


@dataclass(frozen=True)
class Relations:
    """Weights from an item that an entity had to one that it may take."""

    follows: csr_matrix  # (items, items)
    ease_index: np.ndarray  # (items,) row of `ease_weights`, -1 for none
    ease_weights: np.ndarray  # (similar items, similar items)

    @classmethod
    def of(cls, sequences: Sequences, items: int) -> "Relations":
        """Learnt from all of these events."""
        return cls(transitions(sequences, items), *popular_ease_weights(sequences, items))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learnt, by name."""
        follows = {name: getattr(self.follows, name) for name in ("data", "indices", "indptr")}
        return {**follows, "similar_place": self.ease_index, "similarity": self.ease_weights}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Relations":
        """The inverse of `arrays`."""
        items = len(arrays["similar_place"])
        follows = csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), (items, items))
        return cls(follows, arrays["similar_place"], arrays["similarity"])


def transitions(sequences: Sequences, items: int) -> csr_matrix:
    """How often an item followed another, float32 (items, items).

    A pair counts 1 / gap, half as much backward, at gaps of up to `GAPS` sessions of one entity; a row is divided by
    the root of its item's events, so that frequent items speak less than all their events together.
    """
    count = np.bincount(sequences.item, minlength=items)
    entity_index = np.repeat(np.arange(len(sequences.start) - 1), np.diff(sequences.start))
    session_count = int(sequences.session_index[-1]) + 1 if len(entity_index) else 0
    entity_of_session = np.zeros(session_count, np.int64)
    entity_of_session[sequences.session_index] = entity_index
    by_count = np.argsort(-count, kind="stable")
    most = int((count > 0).sum())
    while True:
        known = np.zeros(items, bool)
        known[by_count[:most]] = True
        kept = known[sequences.item]
        size = np.bincount(sequences.session_index[kept], minlength=session_count).astype(np.int64)
        merged = [
            (gap, entity_of_session[gap:] == entity_of_session[:-gap])
            for gap in range(1, min(GAPS, session_count - 1) + 1)
        ]
        if sum(int((size[gap:] * size[:-gap])[same].sum()) for gap, same in merged) <= MOST_PRODUCTS:
            break
        most //= 2
    there = csr_matrix(
        (np.ones(int(kept.sum()), np.float32), (sequences.session_index[kept], sequences.item[kept])),
        (session_count, items),
    )
    total = csr_matrix((items, items), dtype=np.float32)
    for gap, same in merged:
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


def popular_ease_weights(sequences: Sequences, items: int) -> tuple[np.ndarray, np.ndarray]:
    """Which items have similarities, and these."""
    count = np.bincount(sequences.item, minlength=items)
    best = np.sort(np.argsort(-count, kind="stable")[: min(SIMILAR_ITEMS, int((count > 0).sum()))])
    index = np.full(items, -1)
    index[best] = np.arange(len(best))
    entity_index = np.repeat(np.arange(len(sequences.start) - 1), np.diff(sequences.start))
    selected = index[sequences.item] >= 0
    shape = (len(sequences.start) - 1, len(best))
    counts = csr_matrix(
        (np.ones(int(selected.sum())), (entity_index[selected], index[sequences.item[selected]])), shape
    )
    counts.data = np.log1p(counts.data)
    return index, ease_weights(np.asarray((counts.T @ counts).todense()), RIDGE)
