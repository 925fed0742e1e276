"""Nearest neighbours of many entities: each is compared with those of the cells that lie nearest to its own."""

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from basemodel_ops.insight.neighbours import CANDIDATES, QUERIES, Directions, merged, nearest, read_keys
from basemodel_ops.representation.workers import parallel_map

EXACT = 50_000
"""Entities up to which everybody is compared with everybody."""

CELL, PROBES = 2_000, 16
"""Entities of a cell, about, and cells that are looked into: so many comparisons an entity, however many there are."""

SAMPLE_SIZE = 256
"""Entities by which the recall of cells is measured."""

SAMPLED = 64
"""Entities of each cell, about, that its centre is learnt from."""


class Cells:
    """Entities grouped by the centre that their direction is nearest to."""

    def __init__(self, directions: Directions, seed: int, size: int = CELL) -> None:
        """Of all entities; `size` is that of a cell, about."""
        total = len(directions)
        count = max(total // size, 1)
        sample = np.random.default_rng((seed, 12)).permutation(total)[: SAMPLED * count]
        means = MiniBatchKMeans(count, random_state=seed, n_init=1, batch_size=4096)  # pyright: ignore[reportArgumentType]
        means.fit(directions.of(np.sort(sample)))
        centres = np.asarray(means.cluster_centers_, np.float32)
        self.centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        cell = np.concatenate(
            [
                (directions.of(slice(low, low + CANDIDATES)) @ self.centres.T).argmax(axis=1)
                for low in range(0, total, CANDIDATES)
            ]
        )
        self._members = np.argsort(cell, kind="stable")
        self._start = np.searchsorted(cell[self._members], np.arange(count + 1))

    def __len__(self) -> int:
        return len(self.centres)

    def members(self, cell: int) -> np.ndarray:
        """Positions of the entities of a cell, in order."""
        return self._members[self._start[cell] : self._start[cell + 1]]

    def around(self, cell: int, probes: int) -> np.ndarray:
        """Positions, in order, of the entities of the `probes` cells nearest to one, itself among them."""
        order = np.argsort(-(self.centres @ self.centres[cell]), kind="stable")[:probes]
        return np.sort(np.concatenate([self.members(int(entry)) for entry in {cell, *order.tolist()}]))


def nearest_in_cells(
    directions: Directions, cells: Cells, k: int, probes: int = PROBES
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Like `neighbours.nearest` of all entities, among those of the `probes` cells around each entity's own.

    An entity whose cells hold fewer than `k` others is given those of twice as many cells.
    """

    def work(cell: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        return list(_within(directions, cells, cell, cells.members(cell), k, probes))

    for results in parallel_map(work, range(len(cells))):
        yield from results


def recall_of(directions: Directions, cells: Cells, k: int, seed: int, probes: int = PROBES) -> float:
    """The share of the `k` nearest of some entities that their cells hold."""
    sample = np.sort(np.random.default_rng((seed, 13)).permutation(len(directions))[:SAMPLE_SIZE])
    true = {
        int(entry): set(row)
        for queried, neighbours, _ in nearest(directions, k, sample)
        for entry, row in zip(queried, neighbours, strict=True)
    }
    held = 0
    for cell in range(len(cells)):
        members = np.intersect1d(cells.members(cell), sample)
        for queried, neighbours, _ in _within(directions, cells, cell, members, k, probes):
            held += sum(len(true[int(entry)] & set(row)) for entry, row in zip(queried, neighbours, strict=True))
    return held / max(sum(map(len, true.values())), 1)


def _within(
    directions: Directions, cells: Cells, cell: int, members: np.ndarray, k: int, probes: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The nearest of some members of a cell, `QUERIES` of them at a time."""
    if not len(members):
        return
    around = cells.around(cell, probes)
    while len(around) <= k and probes < len(cells):
        probes *= 2
        around = cells.around(cell, probes)
    if len(around) < 2:
        return
    fewest = min(k, len(around) - 1)
    compared = [directions.of(around[low : low + CANDIDATES]) for low in range(0, len(around), CANDIDATES)]
    for low in range(0, len(members), QUERIES):
        queried = members[low : low + QUERIES]
        selected, best = directions.of(queried), np.empty((len(queried), 0), np.int64)
        for number, cell_vectors in enumerate(compared):
            result = selected @ cell_vectors.T
            positions = around[number * CANDIDATES :][: result.shape[1]]
            result[positions == queried[:, None]] = -np.inf
            best = merged(best, result, positions, fewest)
        yield queried, *read_keys(np.sort(best, axis=1)[:, ::-1])
