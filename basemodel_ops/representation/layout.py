"""The layout of a vector: which block stands where."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

Spec = tuple[str, str, str, str, int]
"""Kind, source, column, detail and length of a block."""

MEANINGS = {
    "scalar": "log-scaled count, sum, recency or gap, over the window that the name says; of all time: a year's",
    "sum": "log-scaled decayed sum of a number, as if its source had always been observed",
    "mean": "log-scaled decayed mean of a number",
    "last": "log-scaled newest value of a number",
    "elapsed": "log-scaled days from a moment to the cutoff, negative of one ahead; is it known; days from its event",
    "count": "log(1 + decayed count) of each of the most frequent values, as if always observed",
    "session": "log(1 + decayed number of sessions) with each of these values, as if always observed",
    "recency": "2^(-days since / 28) of each of the most frequent values; 0 never",
    "cell": "log(1 + decayed count) of each cell, as if always observed: quantiles of a number, hours, weekdays",
    "sketch": "depth x width cells of density and identity codes, log(1 + count), each row of length 1",
    "total_weight": "log(1 + decayed total weight) of one row of the sketch or density",
    "pooled": "direction of the decayed sum of the items' Cleora vectors",
    "density": "rows of cells of texts or images, log(1 + count), each row of length 1",
    "item_sum": "log-scaled decayed sum of a number over the events of each of the most frequent values of a category",
    "item_mean": "log-scaled decayed mean of a number over these events; 0 where there is none",
    "item_last": "log-scaled newest number of these events; 0 where there is none",
    "recent_gap": "log(1 + minutes) from one of the newest events, the newest first, to the next, or to the cutoff",
    "recent_item": "item of one of the newest events, by its rank; 0 where there is none",
    "recent_same": "whether the item of one of the newest events is that of the newest",
    "recent_number": "log-scaled number of one of the newest events; 0 where there is none",
    "profile": "of the most frequent items: which is usual, by its rank, its share, how many there are, their entropy",
    "run": "newest run of the same item: log(1 + events), log(1 + minutes) since it began; runs as a share of events",
    "between": "log(1 + minutes) from the newest event of a source to that of the named; negative if that came first",
    "attribute": "facts known before the cutoff: one place per value, or an encoder's features",
    "untimestamped": "facts of which nobody says since when they were known; of use for traits only",
    "clock": "weekday of the cutoff from Monday, 0, or its hour, where the grid has many of each",
    "calendar": "day of the year of the cutoff, sine and cosine",
}
"""What the numbers of each kind of block are."""


SCHEMA = pa.schema(
    {
        "block": pa.string(), "source": pa.string(), "column": pa.string(), "half_life": pa.float64(),
        "name": pa.string(), "offset": pa.int64(), "length": pa.int64(), "meaning": pa.string(),
    }
)  # fmt: skip


OLD_KINDS = {
    "thing": "item", "composition": "item_distribution", "any": "occurred", "wait": "time_to_event",
    "occasion": "session", "mass": "total_weight", "undated": "untimestamped",
}  # fmt: skip
"""Kinds of blocks in layouts of earlier versions, which stay readable for one release."""

OLD_TRACK = re.compile(r"#(\d)$")
"""How earlier versions numbered the rows of cells of a column."""


@dataclass(frozen=True)
class Block:
    """`length` neighbouring numbers of one kind; `detail` holds a name, horizon or half-life in days."""

    kind: str
    source: str
    column: str
    detail: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        """One past the last number."""
        return self.offset + self.length


class Layout:
    """Blocks in order, without gaps."""

    def __init__(self, blocks: Iterable[Spec]) -> None:
        placed, offset = [], 0
        for kind, source, column, detail, length in blocks:
            placed.append(Block(kind, source, column, detail, offset, length))
            offset += length
        self.blocks = tuple(placed)
        self.length = offset

    def select(self, kind: str | None = None, source: str | None = None, column: str | None = None) -> list[Block]:
        """The blocks that match every given word."""
        return [
            block
            for block in self.blocks
            if kind in (None, block.kind) and source in (None, block.source) and column in (None, block.column)
        ]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of blocks, in order of their first."""
        return tuple(dict.fromkeys(block.kind for block in self.blocks))

    def positions(self, kind: str) -> np.ndarray:
        """Positions of all numbers of a kind, ascending, int64."""
        return np.concatenate([np.arange(b.offset, b.end) for b in self.select(kind)] or [np.zeros(0, np.int64)])

    def explain(self) -> list[dict[str, object]]:
        """One row per block."""
        return [asdict(block) for block in self.blocks]

    @classmethod
    def from_rows(cls, rows: list[dict[str, object]]) -> "Layout":
        """The inverse of `explain`."""
        is_old = not any("/" in str(r["column"]) for r in rows)  # every source has a time, whose rows of cells have one
        return cls(
            (
                OLD_KINDS.get(str(r["kind"]), str(r["kind"])),
                str(r["source"]),
                OLD_TRACK.sub(r"/\1", str(r["column"])) if is_old and r["kind"] == "cell" else str(r["column"]),
                str(r["detail"]),
                int(str(r["length"])),
            )
            for r in rows
        )


def explain_layout(layout: Layout) -> pa.Table:
    """Which number of a representation stands where and means what: one row per block, in order.

    Columns: block (kind), source, column, half_life (days, null where none), name, offset, length, meaning.
    """
    decayed = {"sum", "mean", "count", "session", "cell", "sketch", "total_weight", "pooled", "density"}
    rows = [
        {
            "block": block.kind,
            "source": block.source,
            "column": block.column,
            "half_life": float(block.detail) if block.kind in decayed else None,
            "name": "" if block.kind in decayed else block.detail,
            "offset": block.offset,
            "length": block.length,
            "meaning": MEANINGS.get(block.kind, ""),
        }
        for block in layout.blocks
    ]
    return pa.Table.from_pylist(rows, SCHEMA)
