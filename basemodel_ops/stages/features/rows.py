"""Represented rows, an (entity, cutoff) pair each: in memory, on disk (see `feature_store`), or some of both."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout

ATTRIBUTES = ("attribute", "untimestamped")
"""Kinds of blocks that hold facts of entities, dated or not."""

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
        keys = self.entity.astype(np.int64) * len(self.cutoffs) + np.searchsorted(self.cutoffs, self.cutoff)
        row = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        is_there = (index >= 0) & (self.cutoffs[np.minimum(rank, len(self.cutoffs) - 1)] == cutoff) & (keys[row] == key)
        return np.where(is_there, row, -1)

    def positions(self, *kinds: str, without: tuple[str, ...] = ()) -> np.ndarray:
        """Input positions of blocks of these kinds, leaving out attribute sources named in `without`."""
        blocks = [b for b in self.layout.blocks if b.kind in kinds]
        blocks = [b for b in blocks if not (b.kind in (*ATTRIBUTES, "elapsed") and b.source in without)]
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
            chunk = np.arange(low, min(low + CHUNK, len(rows)))
            yield chunk, self.gather(rows[chunk], everything)

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

    def filter(self, chosen: np.ndarray) -> "RowsInMemory":
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
        for part, selected, part_rows in self.split(rows):
            out[selected] = part.gather(part_rows, positions)
        return out
