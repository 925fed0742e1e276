"""What sets a group apart: traits that hold of its members more often than of the others, with lift and interval."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control, norm

LEVEL = 0.95
"""Of the intervals."""

FALSE = 0.05
"""Of the traits that could be told of a group, the share that chance may have made (Benjamini and Hochberg)."""

MEMBERS = 10
"""A trait is told where at least so many members have it, and a group where it has so many: nobody is told alone."""

MOST_DIFFERENCES = 10
"""Traits of a group, at most; of one column at most `OF_COLUMN`."""
OF_COLUMN = 3


@dataclass(frozen=True)
class Difference:
    """A trait (its number) of a group: shares of its members and of the others, their ratio and its interval."""

    trait: int
    inside: float
    outside: float
    lift: float
    low: float
    high: float


@dataclass(frozen=True)
class Sums:
    """Entities, and the sums of traits and of their squares, per group."""

    count: np.ndarray  # (groups,)
    total: np.ndarray  # (groups, traits)
    square: np.ndarray  # (groups, traits)

    @classmethod
    def of(cls, parts: Iterable[tuple[np.ndarray, np.ndarray]], groups: int) -> "Sums | None":
        """Of parts of the entities: the group of each (rows,), -1 for none, and its traits (rows, traits).

        None where there are no entities.
        """
        sums: Sums | None = None
        for group, shares in parts:
            member = (group[None, :] == np.arange(groups)[:, None]).astype(np.float32)  # (groups, rows)
            part = (
                member.sum(axis=1, dtype=np.float64), (member @ shares).astype(np.float64),
                (member @ shares**2).astype(np.float64),
            )  # fmt: skip
            sums = cls(*part) if sums is None else cls(*map(np.add, (sums.count, sums.total, sums.square), part))
        return sums

    def group(self, selected: np.ndarray) -> "tuple[float, np.ndarray, np.ndarray]":
        """Number, sums and sums of squares of several groups together."""
        return float(self.count[selected].sum()), self.total[selected].sum(axis=0), self.square[selected].sum(axis=0)


def differences(sums: Sums, inside: np.ndarray, outside: np.ndarray, column: list[object]) -> list[Difference]:
    """All that holds more often inside of some groups than outside beyond chance (`FALSE`), what tells most first.

    That is what many members have and others lack: share inside x log(lower bound of the lift).

    Args:
        sums: Of all groups.
        inside: Groups (positions) that are described.
        outside: Those they are compared with.
        column: What a trait is about, (traits,); None of traits that are not to be told.
    """
    selected, total, square = sums.group(inside)
    others, other_total, other_square = sums.group(outside)
    if selected < MEMBERS or others < MEMBERS:
        return []
    # Half an entity more on both sides: of what nobody outside has, the ratio stays finite.
    logs = np.log((total + 0.5) / (selected + 1)) - np.log((other_total + 0.5) / (others + 1))
    error = np.sqrt(_relative(selected, total, square) + _relative(others, other_total, other_square))
    able = (total >= MEMBERS) & np.array([entry is not None for entry in column])
    beyond = np.zeros(len(logs), bool)
    if able.any():
        chance = norm.sf(logs[able] / np.maximum(error[able], 1e-9))
        beyond[able] = false_discovery_control(chance, method="bh") <= FALSE
    low, high = (logs + side * norm.ppf((1 + LEVEL) / 2) * error for side in (-1, 1))
    is_distinct = beyond & (low > 0)
    gain = np.where(is_distinct, total / selected * low, -np.inf)
    order = np.argsort(-gain, kind="stable")[: int(is_distinct.sum())]
    shares = total / selected, other_total / others
    figures = np.stack([*shares, *np.exp([logs, low, high])])[:, order]
    return [Difference(int(trait), *map(float, values)) for trait, values in zip(order, figures.T, strict=True)]


def described(segment_differences: list[Difference], column: list[object]) -> list[Difference]:
    """The first of these that a description holds, `MOST_DIFFERENCES` in all and `OF_COLUMN` of each column."""
    results: list[Difference] = []
    used: dict[object, int] = {}
    for difference in segment_differences:
        about = column[difference.trait]
        if used.get(about, 0) < OF_COLUMN and len(results) < MOST_DIFFERENCES:
            used[about] = used.get(about, 0) + 1
            results.append(difference)
    return results


def _relative(count: float, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The variance of the log of a mean of shares (traits,), with half an entity added."""
    mean = (total + 0.5) / (count + 1)
    variance = np.maximum((square + 0.5) / (count + 1) - mean**2, 0)
    return variance / (count + 1) / mean**2
