"""Represented rows on disk: a shard of rows is one file per kind of block, so that a reader opens only what it needs.

Kinds that are most of a row's bytes are kept of the rows that are read whole.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactWriter
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout
from basemodel_ops.stages.features.rows import Represented

ROWS, ENTITIES, LAYOUT = "rows", "entities", "layout"
"""Files that say which rows these are."""

WIDE = ("sketch", "density")
"""Kinds of blocks that are kept only of rows that are read whole."""


def shard_name(kind: str, number: int) -> str:
    """The file of one kind of block, or of one sample of targets, of a shard."""
    return f"{kind}-{number:05d}"


class FeatureStore(Represented):
    """Rows of an artifact. Only the files that hold the chosen rows and inputs are opened."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact, self.version = artifact, artifact.version
        index = artifact.arrays(ROWS)
        self.is_wide, starts = index["wide"].astype(bool), index["starts"]
        super().__init__(
            Vocabulary.from_table(artifact.table(ENTITIES)), index["entity"], index["cutoff"],
            Layout.from_rows(artifact.json(LAYOUT)),
        )  # fmt: skip
        self._wide = np.concatenate([[0], np.cumsum(self.is_wide)])
        self._starts = {True: self._wide[starts], False: starts}

    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions).

        Raises:
            ValueError: a wide input is asked of a row that does not hold it.
        """
        out = np.zeros((len(rows), len(positions)), np.float16)
        for kind in self.layout.kinds:
            stored = self.layout.positions(kind)
            columns = np.flatnonzero(np.isin(positions, stored))
            if len(columns) == 0:
                continue
            within, is_wide = np.searchsorted(stored, positions[columns]), kind in WIDE
            if is_wide and not self.is_wide[rows].all():
                raise ValueError(f"Rows are asked for their {kind}, which is kept only of rows that are read whole.")
            index, starts = self._wide[rows] if is_wide else rows, self._starts[is_wide]
            shard = np.searchsorted(starts, index, side="right") - 1
            for number in np.unique(shard):
                selected = np.flatnonzero(shard == number)
                values = self.artifact.arrays(shard_name(kind, number))["values"]
                _copy(out, selected, columns, values, index[selected] - starts[number], within)
        return out


class RowWriter:
    """Writes rows shard by shard, in their order."""

    def __init__(self, writer: ArtifactWriter, layout: Layout) -> None:
        self._writer, self._layout = writer, layout
        self._entity: list[np.ndarray] = []
        self._cutoff: list[np.ndarray] = []
        self._wide: list[np.ndarray] = []
        self.bytes = 0

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return sum(map(len, self._entity))

    @property
    def shards(self) -> int:
        """Shards written so far."""
        return len(self._entity)

    def append(self, entity: np.ndarray, cutoff: np.ndarray, is_wide: np.ndarray, values: Sequence[np.ndarray]) -> None:
        """Write a shard: `values` of neighbouring rows, each (rows, length), and which of all rows are read whole."""
        for kind in self._layout.kinds:
            kept = self._concatenated(values, is_wide, kind)
            self._writer.arrays(shard_name(kind, self.shards), {"values": kept})
            self.bytes += kept.nbytes
        self._entity.append(entity)
        self._cutoff.append(cutoff)
        self._wide.append(is_wide)

    def _concatenated(self, values: Sequence[np.ndarray], is_wide: np.ndarray, kind: str) -> np.ndarray:
        """The numbers of one kind, of the rows that it is kept of: one copy, block by block."""
        blocks, until = self._layout.select(kind), np.cumsum([len(part) for part in values])
        rows = [np.flatnonzero(flags) for flags in np.split(is_wide, until[:-1])] if kind in WIDE else None
        count = int(is_wide.sum()) if kind in WIDE else len(is_wide)
        out, low = np.empty((count, sum(block.length for block in blocks)), np.float16), 0
        for number, part in enumerate(values):
            part_rows = slice(None) if rows is None else rows[number]
            high, column = low + (len(part) if rows is None else len(rows[number])), 0
            for block in blocks:
                out[low:high, column : column + block.length] = part[part_rows, block.offset : block.end]
                column += block.length
            low = high
        return out

    def finish(self, entities: Vocabulary) -> None:
        """Write what says which rows these are."""
        empty = np.zeros(0, np.int64)
        self._writer.table(ENTITIES, entities.table())
        self._writer.json(LAYOUT, self._layout.explain())
        self._writer.arrays(
            ROWS,
            {
                "entity": np.concatenate([empty.astype(np.int32), *self._entity]).astype(np.int32),
                "cutoff": np.concatenate([empty, *self._cutoff]),
                "wide": np.concatenate([empty, *self._wide]).astype(np.uint8),
                "starts": np.cumsum([0, *map(len, self._entity)])[:-1].astype(np.int64),
            },
        )


def _copy(
    out: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    value_rows: np.ndarray,
    within: np.ndarray,
) -> None:
    """`out[rows, columns] = values[value_rows, within]`, by slices where columns stand side by side on both sides."""
    cuts = [0, *(np.flatnonzero((np.diff(columns) != 1) | (np.diff(within) != 1)) + 1), len(columns)]
    if len(cuts) > 32:
        out[np.ix_(rows, columns)] = values[np.ix_(value_rows, within)]
        return
    for low, high in pairwise(cuts):
        taken = values[value_rows, within[low] : within[high - 1] + 1]
        out[rows, columns[low] : columns[high - 1] + 1] = taken
