"""Trends and averages of an entity's scalars: differences of logarithms, which trees that split by one number lack."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from basemodel_ops.representation import Layout

WINDOW_NAME = re.compile(r"(.+)_(\d+d|all)")
"""Name of a scalar of a window: what was measured and over which."""


@dataclass(frozen=True)
class DifferenceFeature:
    """One scalar less another, by their positions in the representation."""

    name: str
    first: int
    second: int


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
        windows = list(by_window)
        for short, long in pairwise(windows):
            results.append(
                DifferenceFeature(f"{source} {measure} {short} less {long}", by_window[short], by_window[long])
            )
        if measure == "events" or measure.startswith("sum_"):
            sessions = measures[source, "sessions"]
            results += [
                DifferenceFeature(f"{source} {measure} a session {window}", by_window[window], sessions[window])
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
