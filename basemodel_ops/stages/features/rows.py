"""Represented rows, an (entity, cutoff) pair each: on disk, in memory, or some of both.

On disk a shard of rows is one file per kind of block, so that a reader opens only what it needs. Kinds that are most
of a row's bytes are kept of the rows that are read whole.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from basemodel_ops.artifacts import Artifact, ArtifactWriter
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout

ATTRIBUTES = ("attribute", "untimestamped")
"""Kinds of blocks that hold facts of entities, dated or not."""

WIDE = ("sketch", "density")
"""Kinds of blocks that are kept only of rows that are read whole."""

CHUNK = 4096
"""Rows that are read whole at once."""


class Represented(ABC):
    """Rows of representations, ascending by entity and cutoff."""

    version = ""
    """Of the artifact that holds the rows; empty where none does."""

    def __init__(self, entities: Vocabulary, entity: np.ndarray, cutoff: np.ndarray, layout: Layout) -> None:
        """Rows of `entity` (rows,), positions in `entities`, at `cutoff` (rows,) microseconds."""
        self.entities, self.entity, self.cutoff, self.layout = entities, entity, cutoff, layout

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def cutoffs(self) -> np.ndarray:
        """The distinct cutoffs, microseconds, ascending."""
        return np.unique(self.cutoff)

    def locate(self, entity: pa.ChunkedArray | pa.Array, cutoff: np.ndarray) -> np.ndarray:
        """Row numbers of (entity, cutoff) pairs; -1 where there is none."""
        return self.locate_index(self.entities.encode(entity).astype(np.int64), cutoff)

    def locate_index(self, index: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
        """Row numbers of pairs of an entity's position in `entities` and a cutoff; -1 where there is none."""
        if not len(self):
            return np.full(len(index), -1)
        rank = np.searchsorted(self.cutoffs, cutoff)
        key = index * len(self.cutoffs) + np.minimum(rank, len(self.cutoffs) - 1)
        current = self.entity.astype(np.int64) * len(self.cutoffs) + np.searchsorted(self.cutoffs, self.cutoff)
        row = np.minimum(np.searchsorted(current, key), len(current) - 1)
        is_there = (
            (index >= 0) & (self.cutoffs[np.minimum(rank, len(self.cutoffs) - 1)] == cutoff) & (current[row] == key)
        )
        return np.where(is_there, row, -1)

    def positions(self, *kinds: str, without: tuple[str, ...] = ()) -> np.ndarray:
        """Input positions of blocks of these kinds, leaving out attribute sources named in `without`."""
        blocks = [b for b in self.layout.blocks if b.kind in kinds]
        blocks = [b for b in blocks if not (b.kind in ATTRIBUTES and b.source in without)]
        return np.concatenate([np.arange(b.offset, b.end) for b in blocks] or [np.zeros(0, np.int64)])

    def has_history(self, rows: np.ndarray) -> np.ndarray:
        """Whether anything happened before each row (numbers, (rows,)), in any source: bool (rows,)."""
        events = [b.offset for b in self.layout.blocks if b.kind == "scalar" and b.detail == "events_all"]
        return np.any(self.gather(rows, np.array(events)) > 0, axis=1)

    def folds(self, rows: np.ndarray) -> np.ndarray:
        """The cross-fitting fold of the entity of each row."""
        return self._folds[self.entity[rows]]

    @cached_property
    def _folds(self) -> np.ndarray:
        from basemodel_ops.boosting.cross_fitting import (
            folds_of,  # its package loads LightGBM, which asking does without
        )

        return folds_of(self.entities.values)

    def chunks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions in `rows`, and all inputs of these rows, float16 (rows, length), `CHUNK` rows at a time."""
        everything = np.arange(self.layout.length)
        for low in range(0, max(len(rows), 1), CHUNK):
            subset = np.arange(low, min(low + CHUNK, len(rows)))
            yield subset, self.gather(rows[subset], everything)

    @abstractmethod
    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions)."""


class RowsInMemory(Represented):
    """Rows that were just represented."""

    def __init__(
        self, entities: Vocabulary, entity: np.ndarray, cutoff: np.ndarray, layout: Layout, values: np.ndarray,
        count_terms: Callable[[], csr_array] | None = None,
    ) -> None:  # fmt: skip
        """Rows with their values, float16 (rows, length), and what counts how often each had many items."""
        super().__init__(entities, entity, cutoff, layout)
        self.values, self._count_terms = values, count_terms
        self.activity: np.ndarray | None = None  # what is foreseen of each row, once that was asked

    @cached_property
    def terms(self) -> csr_array | None:
        """How often each row had each of many items, float32 (rows, items): see `Builder.terms`; None if not known."""
        return None if self._count_terms is None else self._count_terms()

    def some(self, chosen: np.ndarray) -> "RowsInMemory":
        """The rows that are chosen, bool (rows,); itself where all are."""
        if chosen.all():
            return self
        count_terms = self._count_terms
        rows_in_memory = RowsInMemory(
            self.entities, self.entity[chosen], self.cutoff[chosen], self.layout, self.values[chosen],
            count_terms and (lambda: count_terms()[np.flatnonzero(chosen)]),
        )  # fmt: skip
        rows_in_memory.activity = None if self.activity is None else self.activity[chosen]
        return rows_in_memory

    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions)."""
        if len(positions) == self.layout.length and (np.diff(positions) == 1).all():
            return self.values[rows]
        return self.values[np.ix_(rows, positions)]


class FeatureStore(Represented):
    """Rows of an artifact. Only the files that hold the chosen rows and inputs are opened."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact, self.version = artifact, artifact.version
        index = artifact.arrays("rows")
        self.is_wide, starts = index["wide"].astype(bool), index["starts"]
        super().__init__(
            Vocabulary.from_table(artifact.table("entities")), index["entity"], index["cutoff"],
            Layout.from_rows(artifact.json("layout")),
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
            current = self.layout.positions(kind)
            columns = np.flatnonzero(np.isin(positions, current))
            if len(columns) == 0:
                continue
            within, is_wide = np.searchsorted(current, positions[columns]), kind in WIDE
            if is_wide and not self.is_wide[rows].all():
                raise ValueError(f"Rows are asked for their {kind}, which is kept only of rows that are read whole.")
            index, starts = self._wide[rows] if is_wide else rows, self._starts[is_wide]
            shard = np.searchsorted(starts, index, side="right") - 1
            for number in np.unique(shard):
                selected = np.flatnonzero(shard == number)
                values = self.artifact.arrays(f"{kind}-{number:05d}")["values"]
                _copy(out, selected, columns, values, index[selected] - starts[number], within)
        return out

    def sample(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a sample of pretraining, ascending, and their targets (rows, targets)."""
        names = [name.removesuffix(".safetensors") for name in self.artifact.names if name.startswith(f"{kind}-")]
        kept = [self.artifact.arrays(name) for name in names]
        return np.concatenate([arrays["row"] for arrays in kept]), np.concatenate([arrays["values"] for arrays in kept])


class ConcatenatedRows(Represented):
    """The rows of several readers over the same entities one after the other, in no order."""

    def __init__(self, parts: Sequence[Represented]) -> None:
        first = parts[0]
        values = pa.concat_arrays([part.entities.values for part in parts])
        bounds = np.cumsum([0, *(len(part.entities) for part in parts)])
        entity = np.concatenate([part.entity + low for part, low in zip(parts, bounds[:-1], strict=True)])
        entities = Vocabulary(values, np.ones(len(values), np.int64))
        super().__init__(entities, entity, np.concatenate([part.cutoff for part in parts]), first.layout)
        self.parts = tuple(parts)
        self.starts = np.cumsum([0, *(len(part) for part in parts)])

    def split(self, rows: np.ndarray) -> Iterator[tuple[Represented, np.ndarray, np.ndarray]]:
        """Every part that holds some of the rows, their positions in `rows`, and their numbers in the part."""
        part_of = np.searchsorted(self.starts, rows, side="right") - 1
        for number in np.unique(part_of):
            selected = np.flatnonzero(part_of == number)
            yield self.parts[number], selected, rows[selected] - self.starts[number]

    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions)."""
        out = np.zeros((len(rows), len(positions)), np.float16)
        for part, selected, current in self.split(rows):
            out[selected] = part.gather(current, positions)
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

    def append(self, entity: np.ndarray, cutoff: np.ndarray, is_wide: np.ndarray, values: Sequence[np.ndarray]) -> None:
        """Write a shard: `values` of neighbouring rows, each (rows, length), and which of all rows are read whole."""
        number = len(self._entity)
        for kind in self._layout.kinds:
            kept = self._joined(values, is_wide, kind)
            self._writer.arrays(f"{kind}-{number:05d}", {"values": kept})
            self.bytes += kept.nbytes
        self._entity.append(entity)
        self._cutoff.append(cutoff)
        self._wide.append(is_wide)

    def _joined(self, values: Sequence[np.ndarray], is_wide: np.ndarray, kind: str) -> np.ndarray:
        """The numbers of one kind, of the rows that it is kept of: one copy, block by block."""
        blocks, until = self._layout.select(kind), np.cumsum([len(part) for part in values])
        rows = [np.flatnonzero(flags) for flags in np.split(is_wide, until[:-1])] if kind in WIDE else None
        count = int(is_wide.sum()) if kind in WIDE else len(is_wide)
        out, low = np.empty((count, sum(block.length for block in blocks)), np.float16), 0
        for number, part in enumerate(values):
            current = slice(None) if rows is None else rows[number]
            high, column = low + (len(part) if rows is None else len(rows[number])), 0
            for block in blocks:
                out[low:high, column : column + block.length] = part[current, block.offset : block.end]
                column += block.length
            low = high
        return out

    def finish(self, entities: Vocabulary) -> None:
        """Write what says which rows these are."""
        empty = np.zeros(0, np.int64)
        self._writer.table("entities", entities.table())
        self._writer.json("layout", self._layout.explain())
        self._writer.arrays(
            "rows",
            {
                "entity": np.concatenate([empty.astype(np.int32), *self._entity]).astype(np.int32),
                "cutoff": np.concatenate([empty, *self._cutoff]),
                "wide": np.concatenate([empty, *self._wide]).astype(np.uint8),
                "starts": np.cumsum([0, *map(len, self._entity)])[:-1].astype(np.int64),
            },
        )


def _copy(
    out: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, current: np.ndarray, within: np.ndarray
) -> None:
    """`out[rows, columns] = values[current, within]`, by slices where columns stand side by side on both sides."""
    cuts = [0, *(np.flatnonzero((np.diff(columns) != 1) | (np.diff(within) != 1)) + 1), len(columns)]
    if len(cuts) > 32:
        out[np.ix_(rows, columns)] = values[np.ix_(current, within)]
        return
    for low, high in pairwise(cuts):
        taken = values[current, within[low] : within[high - 1] + 1]
        out[rows, columns[low] : columns[high - 1] + 1] = taken
