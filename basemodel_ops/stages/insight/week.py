"""What is kept of a week, as these stages read it, and how their tables are written."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.cutoffs import key_of
from basemodel_ops.errors import DataError
from basemodel_ops.insight.traits import Traits, TypicalValues
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact

BATCH = 16_384
"""Rows that are written at once."""


class Week:
    """The embeddings of all entities that were asked about at a cutoff, and their traits."""

    def __init__(self, store: ArtifactStore, as_of: datetime) -> None:
        """Read who they are.

        Raises:
            DataError: nothing is kept of that week.
        """
        kept = RepresentationArtifact.newest(store, as_of)
        if kept is None:
            raise DataError(
                f"Nothing is kept of {key_of(as_of)}: `basemodel score --as-of {key_of(as_of)}` represents whom "
                "tasks ask about then."
            )
        self._kept, self.as_of = kept, as_of
        self.version, self.entities, self.model_version = kept.artifact.version, kept.entities, kept.model_version

    def __len__(self) -> int:
        return len(self.entities)

    @cached_property
    def embeddings(self) -> np.ndarray:
        """Of the entities, in their order, float16 (entities, numbers)."""
        parts = list(self._kept.embeddings())
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float16)

    def embedding_parts(self) -> Iterator[np.ndarray]:
        """The same, some entities after others, a file at a time."""
        return self._kept.embeddings()

    @cached_property
    def traits(self) -> Traits:
        """What is kept beside the embeddings."""
        return Traits(self._kept.layout)

    def kept(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Traits of a range of entities at a time; see `Traits.kept`."""
        low = 0
        for arrays in self._kept.traits():
            yield slice(low, low + len(arrays["flags"])), arrays
            low += len(arrays["flags"])

    @cached_property
    def typical(self) -> TypicalValues:
        """What is usual of the traits of everyone."""
        everyone = [(kept["amounts"], kept["times"]) for _, kept in self.kept()]
        return self.traits.typical(*(np.concatenate(values) for values in zip(*everyone, strict=True)))

    def stamped(self, columns: dict[str, pa.Array | np.ndarray], version: str, run_id: str) -> pa.Table:
        """Rows of a table of this week: `as_of` after the first column, and what every table of answers ends with."""
        (first, values), *rest = columns.items()
        table = pa.table({first: values, "as_of": pa.repeat(_timestamp(self.as_of), len(values)), **dict(rest)})
        return ended(table, version, run_id)


def ended(table: pa.Table, version: str, run_id: str) -> pa.Table:
    """Rows with the columns that every table of answers ends with."""
    ends = {"model_version": version, "run_id": run_id, "scored_at": _timestamp(datetime.now(UTC).replace(tzinfo=None))}
    for name, value in ends.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table


def ranges(total: int) -> Iterator[slice]:
    """Rows, `BATCH` at a time; one empty range where there are none."""
    for low in range(0, max(total, 1), BATCH):
        yield slice(low, min(low + BATCH, total))


def _timestamp(value: datetime) -> pa.Scalar:
    return pa.scalar(value, pa.timestamp("us"))
