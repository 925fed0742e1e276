"""Nearest neighbours by cosine: exact, block by block, in memory that does not grow with the number of pairs."""

from collections.abc import Iterator

import numpy as np

from basemodel_ops.representation.workers import parallel_map

QUERIES, CANDIDATES = 1024, 8192
"""Entities that are asked about, and compared with, at once: 32 MB of similarities."""

FIRST_CANDIDATES = 2048
"""Candidates by which it is known, before any other, how near the `k` nearest are at least."""


class Directions:
    """Embeddings as unit vectors, made a block at a time from the numbers that are kept.

    They are centred, and each component is divided by the root of its deviation: the first components say how active an
    entity is, are many times larger than the others, and would decide alone who is near whom.
    """

    def __init__(self, embeddings: np.ndarray) -> None:
        """Of all entities, (entities, numbers)."""
        self._embeddings = embeddings
        mean = deviation = np.zeros(embeddings.shape[1], np.float32)
        if len(embeddings):
            mean = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
            deviation = embeddings.std(axis=0, dtype=np.float64).astype(np.float32)
        self._mean, self.is_flat = mean, bool((deviation <= 1e-6).all())
        self._scale = np.where(deviation > 1e-6, 1 / np.sqrt(np.maximum(deviation, 1e-6)), 0).astype(np.float32)

    def __len__(self) -> int:
        return len(self._embeddings)

    def of(self, rows: np.ndarray | slice) -> np.ndarray:
        """Unit vectors, float32 (rows, numbers); zeros of an entity that lies in the very middle."""
        scaled = (self._embeddings[rows].astype(np.float32) - self._mean) * self._scale
        length = np.linalg.norm(scaled, axis=1, keepdims=True)
        return scaled / np.maximum(length, 1e-12)


def nearest(
    directions: Directions, k: int, rows: np.ndarray | None = None, queries: int = QUERIES, candidates: int = CANDIDATES
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The `k` entities nearest to each of `rows`, the nearest first; of equally near ones the first.

    Args:
        directions: Of all entities.
        k: Neighbours of each; all others where there are fewer.
        rows: Who is asked about (positions); all if not given.
        queries: Entities asked about at once.
        candidates: Entities compared with at once.

    Yields:
        Some of the rows (rows,), their neighbours int64 and the cosines float32, both (rows, k).
    """
    total = len(directions)
    rows, k = np.arange(total) if rows is None else rows, min(k, total - 1)

    def work(low: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        its_rows = rows[low : low + queries]
        queried, best = directions.of(its_rows), np.empty((len(its_rows), 0), np.int64)
        for first in range(0, total, candidates):
            result = queried @ directions.of(slice(first, first + candidates)).T  # (queries, candidates)
            selected = np.flatnonzero((its_rows >= first) & (its_rows < first + result.shape[1]))
            result[selected, its_rows[selected] - first] = -np.inf
            best = merged(best, result, first + np.arange(result.shape[1]), k)
        return its_rows, *read_keys(np.sort(best, axis=1)[:, ::-1])

    yield from parallel_map(work, range(0, len(rows) if k > 0 else 0, queries))


def merged(best: np.ndarray, result: np.ndarray, positions: np.ndarray, k: int) -> np.ndarray:
    """The `k` largest keys of each row, in no order, after more candidates were looked at.

    Args:
        best: The keys so far, (rows, at most k).
        result: Cosines of the candidates, (rows, candidates).
        positions: Of the candidates, ascending and beyond all that were looked at before.
        k: Keys of each row.
    """
    if 0 < best.shape[1] < k or result.shape[1] <= k:
        both = np.concatenate([best, _keys(result, positions)], axis=1)
        return np.partition(both, -k, axis=1)[:, -k:] if both.shape[1] > k else both
    if best.shape[1]:
        # Of equally near ones the earlier is kept, so only what is nearer than the worst can enter.
        _, worst = read_keys(best.min(axis=1))
        is_near = result > worst[:, None]
    else:
        few = max(FIRST_CANDIDATES, k)
        is_near = result >= np.partition(result[:, :few], -k, axis=1)[:, [-k]]
    # Several times faster than `nonzero` of two dimensions.
    row, column = np.divmod(np.flatnonzero(is_near), result.shape[1])
    if not len(row):
        return best
    keys = np.concatenate([best.ravel(), _keys(result[row, column], positions[column])])
    block = np.concatenate([np.repeat(np.arange(len(best)), best.shape[1]), row])
    order = np.lexsort((-keys, block))
    start = np.searchsorted(block[order], np.arange(len(best)))
    return keys[order][start[:, None] + np.arange(k)]


def _keys(similarity: np.ndarray, position: np.ndarray) -> np.ndarray:
    """One integer for each candidate that is larger the nearer it is, and then the earlier it stands."""
    bits = (similarity + np.float32(0)).view(np.int32)  # no negative zero
    ordered = (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).astype(np.int64)
    return (ordered << 32) | (0xFFFFFFFF - position)


def read_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and similarity in keys."""
    ordered = (keys >> 32).astype(np.int32)
    bits = ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))
    return 0xFFFFFFFF - (keys & 0xFFFFFFFF), bits.view(np.float32)
