"""The artifact of a task of many labels: the labels, and what gives the chance of each."""

from dataclasses import dataclass

import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.stages.tasks.model_artifact import ModelArtifact
from basemodel_ops.tasks.multilabel import PairModel


@dataclass(frozen=True)
class LabelModelArtifact(ModelArtifact):
    """What was fitted for a task of many labels."""

    @property
    def labels(self) -> pa.Array:
        """All of them, in the order of answers."""
        return self.artifact.table("labels").column("label").combine_chunks()

    @property
    def pairs(self) -> PairModel:
        """What gives the chance of each label."""
        return PairModel.restore(self._recipe["kind"], self._state)

    @staticmethod
    def write(writer: ArtifactWriter, pairs: PairModel, labels: pa.Array) -> None:
        """Write all that scoring needs of what ships."""
        ModelArtifact._write_state(writer, pairs.state(), {"kind": pairs.kind})
        writer.table("labels", pa.table({"label": labels}))
