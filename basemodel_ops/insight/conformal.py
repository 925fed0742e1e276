"""How unlikely a score is among scores of the past: chances by rank, whatever the scores are distributed like."""

from dataclasses import dataclass

import numpy as np

GROUPS, GROUP_ROWS = 5, 60
"""Like rows that a score is compared with: at most so many groups, of at least so many rows each."""

LEAST_CONTEMPORARIES = 20
"""Rows of the same time that a score is compared with, at least."""

TAIL = 0.1
"""The share of scores, the largest, beyond which chances are taken to fall exponentially."""

LEAST = 1e-12
"""No chance is said to be smaller."""


@dataclass(frozen=True)
class Ranks:
    """Scores of the past in groups of like rows: what is far from usual for one is usual for another."""

    edges: np.ndarray  # (groups - 1,) ascending, of what rows are grouped by
    scores: tuple[np.ndarray, ...]  # of each group, ascending

    @classmethod
    def of(cls, score: np.ndarray, grouping: np.ndarray) -> "Ranks":
        """Of scores (rows,), not-a-number where there is none, and what rows are grouped by, (rows,)."""
        known = np.isfinite(score)
        score, grouping = score[known], grouping[known]
        count = int(np.clip(len(score) // GROUP_ROWS, 1, GROUPS))
        edges = np.unique(np.quantile(grouping, np.arange(1, count) / count)) if len(score) else np.zeros(0)
        group = np.searchsorted(edges, grouping, side="right")
        return cls(edges, tuple(np.sort(score[group == entry]) for entry in range(len(edges) + 1)))

    def chances(self, score: np.ndarray, grouping: np.ndarray) -> np.ndarray:
        """The chance of a score at least as large, (rows,); not-a-number where there is no score."""
        result, group = np.full(len(score), np.nan), np.searchsorted(self.edges, grouping, side="right")
        for number, past in enumerate(self.scores):
            rows = np.flatnonzero((group == number) & np.isfinite(score))
            result[rows] = _chances(past, score[rows])
        return result


@dataclass(frozen=True)
class ContemporaryRanks:
    """Scores of rows of the same time in two halves, so that none is compared with itself."""

    halves: tuple[Ranks, Ranks]

    @classmethod
    def of(cls, score: np.ndarray, grouping: np.ndarray, half: np.ndarray) -> "ContemporaryRanks":
        """Of scores, what rows are grouped by, and the half of each, 0 or 1, (rows,)."""
        first, second = (Ranks.of(score[half == number], grouping[half == number]) for number in (0, 1))
        return cls((first, second))

    def chances(self, score: np.ndarray, grouping: np.ndarray, half: np.ndarray) -> np.ndarray:
        """The chance of a score at least as large in the other half, (rows,); not-a-number where there is none.

        0 where the other half is too small to say anything.
        """
        result = np.where(np.isfinite(score), 0.0, np.nan)
        for number in (0, 1):
            others, rows = self.halves[1 - number], np.flatnonzero(half == number)
            if sum(map(len, others.scores)) >= LEAST_CONTEMPORARIES:
                result[rows] = others.chances(score[rows], grouping[rows])
        return result


def _chances(past: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Of scores among those of the past, ascending: by rank, and beyond most of them by an exponential tail."""
    if not len(past):
        return np.ones(len(score))
    # Of what is as odd, half: of a source that seldom speaks, silence would else be certain, and hide that of others.
    low, high = (np.searchsorted(past, score, side=side) for side in ("left", "right"))
    result = np.asarray(1 + len(past) - (low + high) / 2) / (1 + len(past))
    start = past[int((1 - TAIL) * len(past))]
    beyond = past[past > start]
    if len(beyond):
        far = score > start
        tail = len(beyond) / len(past) * np.exp(-(score[far] - start) / (beyond - start).mean())
        result[far] = np.minimum(tail, 1)
    return np.maximum(result, LEAST)


def combined(chances: np.ndarray) -> np.ndarray:
    """One score of several chances, (rows, chances) to (rows,); those that are not-a-number say nothing.

    The log of the harmonic mean, which one small chance makes small, and the mean of the logs, to which all add.
    """
    known = np.isfinite(chances)
    count, shown = np.maximum(known.sum(axis=1), 1), np.where(known, chances, 1)
    inverse, logs = (np.where(known, values, 0).sum(axis=1) / count for values in (1 / shown, -np.log(shown)))
    # The mean of so many inverse chances grows with the logarithm of how many there are.
    return np.log(np.maximum(inverse, 1) / np.log(count + np.e - 1)) + logs


def p_values(past: np.ndarray, score: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Of scores, (rows,): uniform, but for steps as wide as the past is short, where they are exchangeable with it.

    Args:
        past: Scores of the past, ascending.
        score: Those to be told.
        draw: A number from 0 to 1 for each, which breaks ties with the past.
    """
    at_least, above = (len(past) - np.searchsorted(past, score, side=side) for side in ("left", "right"))
    return (1 + above + draw * (at_least - above)) / (1 + len(past))
