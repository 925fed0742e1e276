"""Reading what is kept of entities at a cutoff."""

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import Layout
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation.representation_artifact import RepresentationArtifact


def kept_rows(kept: RepresentationArtifact) -> "SparseRows | None":
    """All that was kept to be asked, as rows whose other numbers are 0; None where nothing was."""
    sketches = kept.sketches()
    if not sketches:
        return None
    return SparseRows(kept.entities, np.full(len(kept.entities), kept.cutoff), kept.layout, sketches)


class SparseRows(Represented):
    """Rows of which only numbers that are not 0 are held."""

    def __init__(self, entities: Vocabulary, cutoff: np.ndarray, layout: Layout, parts: list[pa.Table]) -> None:
        super().__init__(entities, np.arange(len(entities)), cutoff, layout)
        table = pa.concat_tables(parts)
        self._row, self._input_index, value = (column.to_numpy() for column in table.columns)
        self._value = value.view(np.float16)

    def gather(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Chosen inputs of rows, float16 (rows, positions)."""
        out = np.zeros((len(rows), len(positions)), np.float16)
        column = np.full(self.layout.length, -1)
        column[positions] = np.arange(len(positions))
        for number, row in enumerate(rows):
            low, high = np.searchsorted(self._row, [row, row + 1])
            at = column[self._input_index[low:high]]
            out[number, at[at >= 0]] = self._value[low:high][at >= 0]
        return out
