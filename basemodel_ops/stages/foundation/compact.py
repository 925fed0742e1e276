"""What is kept of an entity at a cutoff: a compact embedding, traits to describe groups by, its sketches if wanted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.insight.traits import Traits
from basemodel_ops.report import Report
from basemodel_ops.stages.features.builder import Builder
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact
from basemodel_ops.stages.workspace import Workspace

if TYPE_CHECKING:  # loads the learners, which reading a representation does not need
    from basemodel_ops.stages.foundation.checkpoint import Checkpoint

QUERYABLE = ("count", "recency", "sketch", "total_weight")
"""Kinds of blocks that answer what a history holds."""

FILE_ROWS = 65_536
"""Entities whose embeddings are one file."""

ReportMetrics = dict[str, float | int | str]


class EmbeddingWriter:
    """Writes embeddings, and sketches where the settings ask for them, group by group."""

    def __init__(self, ws: Workspace, checkpoint: "Checkpoint", builder: Builder, cutoff: int) -> None:
        self._ws, self._checkpoint, self._builder, self._cutoff = ws, checkpoint, builder, cutoff
        self._waiting: list[np.ndarray] = []
        self._traits = Traits(builder.layout)
        self._kept: list[dict[str, np.ndarray]] = []
        self._files = self._rows = 0
        self._writer: ArtifactWriter | None = None

    def write(self, key: str, version: str, work: Callable[[], ReportMetrics]) -> Report:
        """Do the work, which appends groups, and commit what was appended."""

        def write(writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
            self._writer = writer
            report_metrics = work()
            self._flush(writer)
            builder = self._builder
            RepresentationArtifact.write_entities(writer, builder.entities, builder.layout, self._cutoff)
            return {**report_metrics, "numbers": self._checkpoint.embedding_size}, {}

        return self._ws.write(key, version, write, RepresentationArtifact.inputs_of(self._checkpoint.version))

    def append(self, rows: RowsInMemory) -> None:
        """Take over the entities of a group, in their order."""
        if self._writer is None:
            raise ValueError("Nothing is being written.")
        self._waiting.append(self._checkpoint.embedding(rows))
        self._kept.append(self._traits.kept(rows.values))
        if self._ws.settings.keep_sketches:
            numbers = sparse(rows, self._rows)
            RepresentationArtifact.write_sketches(self._writer, self._files, self._rows, numbers)
        self._rows += len(rows)
        if sum(map(len, self._waiting)) >= FILE_ROWS:
            self._flush(self._writer)

    def _flush(self, writer: ArtifactWriter) -> None:
        if self._waiting:
            traits = {name: np.concatenate([part[name] for part in self._kept]) for name in self._kept[0]}
            RepresentationArtifact.write_embeddings(writer, self._files, np.concatenate(self._waiting), traits)
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
