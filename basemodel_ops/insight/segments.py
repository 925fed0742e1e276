"""Groups of entities, each divided further: a tree of k-means centres whose numbers of branches are chosen.

The tree is learnt once with the foundation model and asked every week, so that groups mean the same from week to week.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

LEVELS = 3
FIRST, FURTHER = range(3, 9), range(2, 5)
"""Into how many groups everyone may be divided, and each group again."""

AGREE = 0.9
"""Adjusted Rand index above which two halves of the rows are said to find the same groups."""

LEAST, LEAST_WEIGHT = 10, 0.01
"""A group has at least so many rows, and this share of all."""

ENOUGH = 0.5
"""Where the halves agree less than this on every number of groups, there are no groups to be found."""

STAY = 1.05
"""Who was in a group stays in it until another centre is nearer by this factor: the border is no news every week."""

SAME = 0.2
"""Share of the members of either group that both must have for a new group to be an old one."""


@dataclass(frozen=True)
class Tree:
    """Groups in order of levels; the children of a group stand side by side, the largest first."""

    centre: np.ndarray  # (groups, numbers) float32
    parent: np.ndarray  # (groups,) position of the parent, -1 at the first level
    agreement: np.ndarray  # (groups,) adjusted Rand index of the halves when the group and its siblings were found

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def level(self) -> np.ndarray:
        """Level of each group, from 1."""
        level = np.ones(len(self), np.int64)
        for group in range(len(self)):  # parents stand before their children
            if self.parent[group] >= 0:
                level[group] = level[self.parent[group]] + 1
        return level

    def children(self, group: int) -> np.ndarray:
        """The groups into which one is divided; those of the first level for -1."""
        return np.flatnonzero(self.parent == group)

    def arrays(self) -> dict[str, np.ndarray]:
        """To be stored."""
        return {"centre": self.centre, "parent": self.parent, "agreement": self.agreement}

    def assign(self, embeddings: np.ndarray, before: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The group of each entity per level, -1 below a group that is not divided, and the distance to its centre.

        Args:
            embeddings: (entities, numbers).
            before: The groups they were in last, -1 where that is not known, (entities, `LEVELS`); see `STAY`.

        Returns:
            Groups int64 and distances float64, both (entities, `LEVELS`).
        """
        group = np.full((len(embeddings), LEVELS), -1)
        distance = np.full((len(embeddings), LEVELS), np.nan)
        for level in range(LEVELS):
            above = np.full(len(embeddings), -1) if level == 0 else group[:, level - 1]
            for parent in np.unique(above):
                children = self.children(int(parent))
                if (level and parent < 0) or not len(children):
                    continue
                selected = np.flatnonzero(above == parent)
                apart = np.stack([_distance(embeddings[selected], self.centre[child]) for child in children], axis=1)
                stayed = 1.0 if before is None else np.where(before[selected, level][:, None] == children, STAY, 1.0)
                nearest = (apart / stayed).argmin(axis=1)
                group[selected, level], distance[selected, level] = (
                    children[nearest],
                    apart[np.arange(len(selected)), nearest],
                )
        return group, distance


def _distance(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows.astype(np.float32) - centre, axis=1).astype(np.float64)


def grow(rows: np.ndarray, seed: int) -> Tree:
    """Learn the groups of rows (rows, numbers) and those within them.

    The number of groups is the largest that two random halves of the rows agree on (`AGREE`), or the number they agree
    on most (at least `ENOUGH`); none is smaller than `LEAST` rows and `LEAST_WEIGHT` of all. What cannot be divided
    so is left whole; where everyone is alike there is one group.
    """
    rows = rows.astype(np.float32)
    least = max(LEAST, int(np.ceil(LEAST_WEIGHT * len(rows))))
    centre, parent, agreement = [], [], []
    waiting = [(-1, np.arange(len(rows)), 1)]
    with threadpool_limits(1):  # sums of several threads have no fixed order
        while waiting:
            above, selected, level = waiting.pop(0)
            division, agreed = _divide(rows[selected], FIRST if level == 1 else FURTHER, least, seed)
            if division is None and level > 1:
                continue
            labels = np.zeros(len(selected), np.int64) if division is None else division
            for label in np.argsort(-np.bincount(labels), kind="stable"):
                members = selected[labels == label]
                centre.append(rows[members].mean(axis=0) if len(members) else np.zeros(rows.shape[1], np.float32))
                parent.append(above)
                agreement.append(agreed)
                if level < LEVELS:
                    waiting.append((len(parent) - 1, members, level + 1))
    return Tree(np.stack(centre), np.array(parent), np.array(agreement, np.float64))


def _divide(rows: np.ndarray, counts: range, least: int, seed: int) -> tuple[np.ndarray | None, float]:
    """The group of each row, or None where they cannot be divided, and how far two halves agree on it."""
    half = np.random.default_rng(seed).permutation(len(rows)) % 2 == 0
    distinct = min(len(np.unique(rows[half], axis=0)), len(np.unique(rows[~half], axis=0))) if len(rows) else 0
    best: tuple[float, int] | None = None
    for count in counts:
        if count > distinct or len(rows) < count * least:
            break
        first, second = (_means(rows[part], count, seed).predict(rows) for part in (half, ~half))
        agreed = adjusted_rand_score(first, second)
        if min(np.bincount(first, minlength=count).min(), np.bincount(second, minlength=count).min()) < least:
            continue
        if agreed >= ENOUGH and (best is None or agreed >= AGREE or agreed > best[0]):
            best = (agreed, count)
    if best is None:
        return None, 1.0
    return np.asarray(_means(rows, best[1], seed).predict(rows), np.int64), best[0]


def _means(rows: np.ndarray, count: int, seed: int) -> KMeans:
    return KMeans(count, n_init=2, random_state=seed).fit(rows)  # pyright: ignore[reportArgumentType]


def name_groups(tree: Tree, group: np.ndarray, before: np.ndarray | None = None) -> list[str]:
    """An id for each group, such as `2.1`: the first child of the second group.

    Args:
        tree: The groups.
        group: Of each entity and level, as `Tree.assign` says.
        before: Ids of the same entities in another week, "" where there was none, (entities, `LEVELS`). A group takes
            the id of the one that it shares most members with, below the same parent; new ones get new numbers, the
            largest first, whatever their order in the tree.
    """
    ids = [""] * len(tree)
    for above in range(-1, len(tree)):
        children = tree.children(above)
        if not len(children):
            continue
        depth = 0 if above < 0 else int(tree.level[above])
        prefix = "" if above < 0 else f"{ids[above]}."
        old, matched, order = [], {}, list(range(len(children)))
        if before is not None:
            members = [np.flatnonzero(group[:, depth] == child) for child in children]
            order.sort(key=lambda index: (-len(members[index]), members[index][:1].tolist()))
            column = before[:, depth]
            old = sorted({entry for entry in column.tolist() if entry and entry.rpartition(".")[0] == prefix[:-1]})
            matched = _matched([group[:, depth] == child for child in children], [column == entry for entry in old])
        number = max((int(entry.rpartition(".")[2]) for entry in old), default=0)
        for index in order:
            if index in matched:
                ids[children[index]] = old[matched[index]]
            else:
                number += 1
                ids[children[index]] = f"{prefix}{number}"
    return ids


def _matched(new: list[np.ndarray], old: list[np.ndarray]) -> dict[int, int]:
    """Which old group each new one is, where they share enough members."""
    if not old:
        return {}
    shared = np.array([[(part & other).sum() / max((part | other).sum(), 1) for other in old] for part in new])
    rows, columns = linear_sum_assignment(-shared)
    return {int(row): int(column) for row, column in zip(rows, columns, strict=True) if shared[row, column] >= SAME}


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """The adjusted Rand index of two divisions of the same entities."""
    return float(adjusted_rand_score(first, second))
