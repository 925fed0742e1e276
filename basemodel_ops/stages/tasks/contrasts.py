"""Trends and averages of an entity's scalars: differences of logarithms, which trees that split by one number lack."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from basemodel_ops.representation import Layout

SPAN = re.compile(r"(.+)_(\d+d|all)")
"""Name of a scalar of a window: what was measured and over which."""


@dataclass(frozen=True)
class Contrast:
    """One scalar less another, by their positions in the representation."""

    name: str
    one: int
    other: int


def contrasts(layout: Layout) -> list[Contrast]:
    """Every measure over each window less that over the next longer one, and events and sums less the sessions.

    Scalars are logarithms, so a difference says how fast a measure grows, or how much there is of it a session.
    """
    measures: dict[tuple[str, str], dict[str, int]] = {}
    for block in layout.select("scalar"):
        if named := SPAN.fullmatch(block.detail):
            measures.setdefault((block.source, named[1]), {})[named[2]] = block.offset
    found = []
    for (source, measure), spans in measures.items():
        windows = list(spans)
        for short, long in pairwise(windows):
            found.append(Contrast(f"{source} {measure} {short} less {long}", spans[short], spans[long]))
        if measure == "events" or measure.startswith("sum_"):
            sessions = measures[source, "sessions"]
            found += [Contrast(f"{source} {measure} a session {span}", spans[span], sessions[span]) for span in windows]
    return found


def contrasted(values: np.ndarray, positions: np.ndarray, chosen: list[Contrast]) -> np.ndarray:
    """The contrasts (rows, contrasts) of values (rows, inputs) that stand at `positions` of the representation."""
    if not chosen:
        return values[:, :0]
    place = {position: column for column, position in enumerate(positions.tolist())}
    one, other = ([place[at] for at in side] for side in zip(*((c.one, c.other) for c in chosen), strict=True))
    return values[:, one] - values[:, other]
