"""Rates, trends and averages of an entity's numbers: differences of logarithms, which trees that split by one lack."""

import re
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from basemodel_ops.representation import Layout

WINDOW_NAME = re.compile(r"(.+)_(\d+d|all)")
"""Name of a scalar of a window: what was measured and over which."""


RATES = 512
"""Rates of a source, at most: pairs of numbers that stand later have none."""


@dataclass(frozen=True)
class DifferenceFeature:
    """One number less another, by their positions in the representation, and the columns that they are of."""

    name: str
    first: int
    second: int
    source: str
    columns: tuple[str, ...]


def rate_features(layout: Layout) -> list[DifferenceFeature]:
    """The decayed sum of every number of a source less that of every other, at each half-life, and less its own at the
    next longer one.

    Sums are logarithms, so a difference says how much there is of one for each of the other: hits of balls, a price;
    how much is new.
    """
    sums: dict[str, dict[str, dict[str, int]]] = {}
    for block in layout.select("sum"):
        sums.setdefault(block.source, {}).setdefault(block.detail, {})[block.column] = block.offset
    results = []
    for source, by_half_life in sums.items():
        numbers = next(iter(by_half_life.values()))
        pairs = list(combinations(numbers, 2))[: RATES // len(by_half_life)]
        results += [
            DifferenceFeature(
                f"{source} {first} for each {second}, halved every {half_life} days",
                offsets[first], offsets[second], source, (first, second),
            )
            for half_life, offsets in by_half_life.items()
            for first, second in pairs
        ]  # fmt: skip
        for short, long in pairwise(sorted(by_half_life, key=float)):
            results += [
                DifferenceFeature(
                    f"{source} {number}, halved every {short} days, for each halved every {long}",
                    by_half_life[short][number], by_half_life[long][number], source, (number,),
                )
                for number in numbers
            ]  # fmt: skip
    return results


def difference_features(layout: Layout) -> list[DifferenceFeature]:
    """Every measure over each window less that over the next longer one, and events and sums less the sessions.

    Scalars are logarithms, so a difference says how fast a measure grows, or how much there is of it a session.
    """
    measures: dict[tuple[str, str], dict[str, int]] = {}
    for block in layout.select("scalar"):
        if named := WINDOW_NAME.fullmatch(block.detail):
            measures.setdefault((block.source, named[1]), {})[named[2]] = block.offset
    results = []
    for (source, measure), by_window in measures.items():
        windows, columns = list(by_window), (measure.removeprefix("sum_"),)
        for short, long in pairwise(windows):
            results.append(
                DifferenceFeature(
                    f"{source} {measure} {short} less {long}", by_window[short], by_window[long], source, columns
                )
            )
        if measure == "events" or measure.startswith("sum_"):
            sessions = measures[source, "sessions"]
            results += [
                DifferenceFeature(
                    f"{source} {measure} a session {window}", by_window[window], sessions[window], source, columns
                )
                for window in windows
            ]
    return results


def difference_values(values: np.ndarray, positions: np.ndarray, chosen: list[DifferenceFeature]) -> np.ndarray:
    """The contrasts (rows, contrasts) of values (rows, inputs) that stand at `positions` of the representation."""
    if not chosen:
        return values[:, :0]
    index = {position: column for column, position in enumerate(positions.tolist())}
    first, second = ([index[at] for at in side] for side in zip(*((c.first, c.second) for c in chosen), strict=True))
    return values[:, first] - values[:, second]
