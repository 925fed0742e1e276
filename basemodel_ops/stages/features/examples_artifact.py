"""The artifact of the rows to learn from: their representations, and what followed those that are learnt from."""

from collections.abc import Mapping, Sequence

import numpy as np

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.assets import TRAINING_EXAMPLES
from basemodel_ops.representation import Layout
from basemodel_ops.representation.narrowing import LeftOut
from basemodel_ops.stages.features.feature_store import FeatureStore, RowWriter, shard_name

SAMPLES = ("targets", "activity")
"""Kinds of rows to learn from: of the first all is learnt, of the second activity alone."""

TARGETS, LEFT_OUT = "targets", "left_out"


class ExamplesArtifact(FeatureStore):
    """The rows to learn from, with the targets of two samples of them: see `SAMPLES`."""

    key = TRAINING_EXAMPLES

    @classmethod
    def current(cls, store: ArtifactStore) -> "ExamplesArtifact":
        """The current examples."""
        return cls(store.current(cls.key))

    @property
    def targets(self) -> Layout:
        """What followed a row, of all that may be learnt."""
        return Layout.from_rows(self.artifact.json(TARGETS))

    @property
    def left_out(self) -> list[dict[str, object]]:
        """The columns that were left out of a row so that it is not too wide, and why."""
        return self.artifact.json(LEFT_OUT)

    def sample(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a sample of pretraining, ascending, and their targets (rows, targets)."""
        names = [name.removesuffix(".safetensors") for name in self.artifact.names if name.startswith(f"{kind}-")]
        kept = [self.artifact.arrays(name) for name in names]
        return np.concatenate([arrays["row"] for arrays in kept]), np.concatenate([arrays["values"] for arrays in kept])


class ExamplesWriter(RowWriter):
    """Writes rows to learn from shard by shard, in their order."""

    def append_targets(self, targets: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Write by sample the targets of rows of the shard that is appended next: their places in it, and values."""
        for kind, (row, values) in targets.items():
            self._writer.arrays(shard_name(kind, self.shards), {"values": values, "row": row + self.rows})

    def describe(self, targets: Layout, left_out: Sequence[LeftOut]) -> None:
        """Write what the targets are, and what was left out of the rows."""
        self._writer.json(TARGETS, targets.explain())
        self._writer.json(LEFT_OUT, [{**vars(entry), "reason": entry.reason} for entry in left_out])
