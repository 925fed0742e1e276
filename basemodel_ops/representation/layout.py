"""The layout of a vector: which block stands where."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Block:
    """`length` neighbouring numbers of one kind; `detail` holds a window, horizon or half-life in days."""

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

    def __init__(self, blocks: Iterable[tuple[str, str, str, str, int]]) -> None:
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
        return cls(
            (str(r["kind"]), str(r["source"]), str(r["column"]), str(r["detail"]), int(str(r["length"]))) for r in rows
        )
