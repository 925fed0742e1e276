"""What is kept of an entity at a cutoff: a compact embedding, and where it is wanted its sketches without zeros."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.report import Report
from basemodel_ops.representation import Layout
from basemodel_ops.stages.builder import Builder
from basemodel_ops.stages.rows import Represented, RowsInMemory
from basemodel_ops.stages.workspace import Workspace

if TYPE_CHECKING:  # loads the learners, which reading a representation does not need
    from basemodel_ops.stages.checkpoint import Checkpoint

ASKED = ("count", "recency", "sketch", "mass")
"""Kinds of blocks that answer what a history holds."""

FILE_ROWS = 65_536
"""Entities whose embeddings are one file."""

Numbers = dict[str, float | int | str]


def representation_key(as_of: datetime) -> str:
    """The key of the artifact of a cutoff."""
    return f"entity_representation/{as_of:%Y-%m-%d}"


class EmbeddingDraft:
    """Writes embeddings, and sketches where the settings ask for them, group by group."""

    def __init__(self, ws: Workspace, checkpoint: "Checkpoint", builder: Builder, cutoff: int) -> None:
        self._ws, self._checkpoint, self._builder, self._cutoff = ws, checkpoint, builder, cutoff
        self._waiting: list[np.ndarray] = []
        self._files = self._rows = 0
        self._draft: Draft | None = None

    def write(self, key: str, version: str, work: Callable[[], Numbers]) -> Report:
        """Do the work, which appends groups, and commit what was appended."""

        def fill(draft: Draft) -> tuple[Numbers, dict[str, bytes]]:
            self._draft = draft
            numbers = work()
            self._flush(draft)
            draft.table("entities", self._builder.entities.table())
            draft.json("layout", self._builder.layout.explain())
            draft.arrays("times", {"cutoff": np.array([self._cutoff])})
            return {**numbers, "numbers": self._checkpoint.embedding_size}, {}

        return self._ws.write(key, version, fill, {"foundation_model": self._checkpoint.version})

    def append(self, rows: RowsInMemory) -> None:
        """Take over the entities of a group, in their order."""
        if self._draft is None:
            raise ValueError("Nothing is being written.")
        self._waiting.append(self._checkpoint.embedding(rows))
        if self._ws.settings.keep_sketches:
            self._draft.table(f"sketches-{self._files:05d}-{self._rows:09d}", sparse(rows, self._rows))
        self._rows += len(rows)
        if sum(map(len, self._waiting)) >= FILE_ROWS:
            self._flush(self._draft)

    def _flush(self, draft: Draft) -> None:
        if self._waiting:
            draft.arrays(f"embedding-{self._files:05d}", {"values": np.concatenate(self._waiting)})
            self._files, self._waiting = self._files + 1, []


def sparse(rows: RowsInMemory, first: int) -> pa.Table:
    """Numbers of rows that answer questions and are not 0: `row` from `first` on, `place`, `value` (float16 bits)."""
    at = rows.positions(*ASKED)
    values = rows.values[:, at]
    row, place = np.nonzero(values)
    return pa.table(
        {
            "row": (row + first).astype(np.int32), "place": at[place].astype(np.int32),
            "value": values[row, place].view(np.uint16),
        }
    )  # fmt: skip


def kept_rows(artifact: Artifact) -> "SparseRows | None":
    """All that was kept to be asked, as rows whose other numbers are 0; None where nothing was."""
    names = [name.removesuffix(".parquet") for name in artifact.names if name.startswith("sketches-")]
    if not names:
        return None
    entities, layout = Vocabulary.from_table(artifact.table("entities")), Layout.from_rows(artifact.json("layout"))
    cutoff = np.full(len(entities), artifact.arrays("times")["cutoff"][0])
    return SparseRows(entities, cutoff, layout, [artifact.table(name) for name in names])


class SparseRows(Represented):
    """Rows of which only numbers that are not 0 are held."""

    def __init__(self, entities: Vocabulary, cutoff: np.ndarray, layout: Layout, parts: list[pa.Table]) -> None:
        super().__init__(entities, np.arange(len(entities)), cutoff, layout)
        table = pa.concat_tables(parts)
        self._row, self._place, value = (column.to_numpy() for column in table.columns)
        self._value = value.view(np.float16)

    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions)."""
        out = np.zeros((len(rows), len(positions)), np.float16)
        column = np.full(self.layout.length, -1)
        column[positions] = np.arange(len(positions))
        for number, row in enumerate(rows):
            low, high = np.searchsorted(self._row, [row, row + 1])
            at = column[self._place[low:high]]
            out[number, at[at >= 0]] = self._value[low:high][at >= 0]
        return out
