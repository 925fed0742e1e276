"""What is kept of an entity at a cutoff: a compact embedding, traits to describe groups by, its sketches if wanted."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.insight.traits import Traits
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact

if TYPE_CHECKING:  # loads the learners, which reading a representation does not need
    from basemodel_ops.stages.foundation.checkpoint import Checkpoint

QUERYABLE = ("count", "recency", "sketch", "total_weight")
"""Kinds of blocks that answer what a history holds."""

FILE_ROWS = 65_536
"""Entities whose embeddings are one file."""


class EmbeddingWriter:
    """Writes embeddings, and sketches where the settings ask for them, group by group."""

    def __init__(
        self, writer: ArtifactWriter, checkpoint: "Checkpoint", builder: Builder, cutoff: int, keep_sketches: bool
    ) -> None:
        self._writer, self._checkpoint, self._builder, self._cutoff = writer, checkpoint, builder, cutoff
        self._keep_sketches = keep_sketches
        self._waiting: list[np.ndarray] = []
        self._traits = Traits(builder.layout)
        self._kept: list[dict[str, np.ndarray]] = []
        self._files = self._rows = 0

    def append(self, rows: RowsInMemory) -> None:
        """Take over the entities of a group, in their order."""
        self._waiting.append(self._checkpoint.embedding(rows))
        self._kept.append(self._traits.kept(rows.values))
        if self._keep_sketches:
            numbers = sparse(rows, self._rows)
            RepresentationArtifact.write_sketches(self._writer, self._files, self._rows, numbers)
        self._rows += len(rows)
        if sum(map(len, self._waiting)) >= FILE_ROWS:
            self._flush()

    def finish(self) -> None:
        """Write what waits, and what says whose rows these are."""
        self._flush()
        builder = self._builder
        RepresentationArtifact.write_entities(self._writer, builder.entities, builder.layout, self._cutoff)

    def _flush(self) -> None:
        if self._waiting:
            traits = {name: np.concatenate([part[name] for part in self._kept]) for name in self._kept[0]}
            RepresentationArtifact.write_embeddings(self._writer, self._files, np.concatenate(self._waiting), traits)
            self._files, self._waiting, self._kept = self._files + 1, [], []


def sparse(rows: RowsInMemory, first: int) -> pa.Table:
    """Numbers of rows that answer questions and are not 0: `row` from `first` on, `index`, `value` (float16 bits)."""
    at = rows.positions(*QUERYABLE)
    values = rows.values[:, at]
    row, index = np.nonzero(values)
    return pa.table(
        {
            "row": (row + first).astype(np.int32), "place": at[index].astype(np.int32),
            "value": values[row, index].view(np.uint16),
        }
    )  # fmt: skip
