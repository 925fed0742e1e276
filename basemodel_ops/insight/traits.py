"""What is remembered of an entity beside its embedding, so that groups can be described: few numbers of its row.

Whether it had each of the frequent values lately, which facts hold of it, how much it does, and at which times.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from basemodel_ops.representation.layout import Block, Layout

FORM = "traits 1"
"""Of what is kept; another is made again."""

SEEN_WEEKS = 12
SEEN = 2 ** (-7 * SEEN_WEEKS / 28)
"""The recency of a value that was there within `SEEN_WEEKS`."""

HELD, ATTRIBUTES = ("recency",), ("attribute", "untimestamped")

WINDOW = 28
"""Amounts are those of the window nearest to this, in days."""

DAYPART = 4
"""Hours that are told together."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Trait:
    """One thing that may be said of an entity."""

    kind: str
    """`held`, `fact`, `high`, `low` or `time`."""
    source: str
    column: str
    """Of the source; of an amount, what is measured."""
    value: int | str
    """Rank of the value in its vocabulary, or words."""


@dataclass(frozen=True)
class TypicalValues:
    """Bounds of the lowest and the highest fifth of each amount, (2, amounts), and the mean shares of each time."""

    fifths: np.ndarray
    times: list[np.ndarray]


class Traits:
    """Which numbers of a row are kept, and what they say."""

    def __init__(self, layout: Layout) -> None:
        """Of rows of a layout."""
        self._layout = layout

    @cached_property
    def _flags(self) -> list[Block]:
        return [block for block in self._layout.blocks if block.kind in (*HELD, *ATTRIBUTES)]

    @cached_property
    def _amounts(self) -> list[Block]:
        days = {int(b.detail.rpartition("_")[2][:-1]) for b in self._layout.select("scalar") if _is_window(b.detail)}
        window = min(days, key=lambda entry: (abs(entry - WINDOW), entry), default=0)
        means = self._longest("mean")
        scalars = [
            block
            for block in self._layout.select("scalar")
            if block.detail in ("recency_1", "tenure", f"events_{window}d")
            or (block.detail.startswith("sum_") and block.detail.endswith(f"_{window}d"))
        ]
        return [*scalars, *means]

    @cached_property
    def _times(self) -> list[Block]:
        return [block for block in self._longest("cell") if block.column[-2:] in ("/0", "/1")]

    def _longest(self, kind: str) -> list[Block]:
        blocks = self._layout.select(kind)
        longest = max((float(block.detail) for block in blocks), default=0.0)
        return [block for block in blocks if float(block.detail) == longest]

    def kept(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """What is kept of rows, float16 (rows, length): `flags` as bits, `amounts` and `times` as float16."""
        bounds = [SEEN if block.kind in HELD else 0.5 for block in self._flags]
        flags = [values[:, b.offset : b.end] >= bound for b, bound in zip(self._flags, bounds, strict=True)]
        empty = np.zeros((len(values), 0), np.float16)
        amounts, times = (
            np.concatenate([empty, *(values[:, b.offset : b.end] for b in blocks)], axis=1)
            for blocks in (self._amounts, self._times)
        )
        return {"flags": np.packbits(np.hstack([empty > 0, *flags]), axis=1), "amounts": amounts, "times": times}

    @property
    def names(self) -> list[Trait]:
        """The traits, in the order of the columns of `shares`."""
        kinds = {kind: "fact" for kind in ATTRIBUTES} | {kind: "held" for kind in HELD}
        results = [Trait(kinds[b.kind], b.source, b.column, index) for b in self._flags for index in range(b.length)]
        for kind in ("high", "low"):
            results += [Trait(kind, b.source, _measure(b), f"{WORDS[kind]} fifth") for b in self._amounts]
        for block in self._times:
            parts = WEEKDAYS if block.column.endswith("/1") else [f"{a}-{b} h" for a, b in pairwise(_hours(block))]
            results += [Trait("time", block.source, block.column[:-2], part) for part in parts]
        return results

    def typical(self, amounts: np.ndarray, times: np.ndarray) -> "TypicalValues":
        """What is usual, of what is kept of everyone."""
        fifths = np.quantile(amounts.astype(np.float32), [0.2, 0.8], axis=0)
        known = [(part, np.isfinite(part[:, :1])) for part in self._parts(times)]
        means = [np.where(is_known, part, 0).sum(axis=0) / max(is_known.sum(), 1) for part, is_known in known]
        return TypicalValues(fifths, means)

    def shares(self, kept: dict[str, np.ndarray], typical: "TypicalValues") -> np.ndarray:
        """How far each trait holds of rows, float32 (rows, traits), from 0 to 1; of a time, the share of its events.

        Whoever has no events has them at the usual times: a time says when, not whether.
        """
        size = sum(block.length for block in self._flags)
        flags = np.unpackbits(kept["flags"], axis=1, count=size) if size else np.zeros((len(kept["amounts"]), 0))
        amounts = kept["amounts"].astype(np.float32)
        times = [
            np.where(np.isfinite(part), part, mean)
            for part, mean in zip(self._parts(kept["times"]), typical.times, strict=True)
        ]
        columns = [flags, amounts > typical.fifths[1], amounts < typical.fifths[0], *times]
        return np.nan_to_num(np.hstack([column.astype(np.float32) for column in columns]))

    def _parts(self, times: np.ndarray) -> list[np.ndarray]:
        """Shares of events in each part of the day or of the week, (rows, parts); not-a-number without events."""
        results, first = [], 0
        for block in self._times:
            counts = np.expm1(times[:, first : first + block.length].astype(np.float32))
            first += block.length
            if not block.column.endswith("/1"):
                counts = np.add.reduceat(counts, _hours(block)[:-1], axis=1)
            total = counts.sum(axis=1, keepdims=True)
            results.append(np.where(total > 1e-3, counts / np.maximum(total, 1e-3), np.nan))
        return results


WORDS = {"high": "highest", "low": "lowest"}


def _is_window(name: str) -> bool:
    last = name.rpartition("_")[2]
    return name.startswith("events_") and last.endswith("d") and last[:-1].isdigit()


def _hours(block: Block) -> list[int]:
    return [*range(0, block.length, DAYPART), block.length]


def _measure(block: Block) -> str:
    """What an amount measures, in words."""
    if block.kind == "mean":
        return f"mean {block.column}"
    if block.detail in ("recency_1", "tenure"):
        return f"days since the {'last' if block.detail == 'recency_1' else 'first'} of {block.source}"
    measure, _, window = block.detail.rpartition("_")
    return f"{block.source if measure == 'events' else measure.removeprefix('sum_')} in {window[:-1]} days"
