"""The artifact of the evaluation of a task's model."""

from dataclasses import dataclass
from typing import Any

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.assets import evaluation_key
from basemodel_ops.stages.tasks.model_artifact import FittedMetrics


@dataclass(frozen=True)
class EvaluationArtifact:
    """How a model does on the cutoffs that test."""

    artifact: Artifact
    key = staticmethod(evaluation_key)

    @classmethod
    def current(cls, store: ArtifactStore, task: str) -> "EvaluationArtifact":
        """The current evaluation of a task."""
        return cls(store.current(cls.key(task)))

    @property
    def report(self) -> dict[str, Any]:
        """What ships, what it is worth and against what, every metric of every candidate, and of which rows."""
        return self.artifact.report

    @property
    def metrics(self) -> FittedMetrics:
        """Of all candidates."""
        return FittedMetrics.read(self.artifact)

    @staticmethod
    def write(writer: ArtifactWriter, metrics: FittedMetrics) -> None:
        """Write the metrics of all candidates."""
        metrics.write(writer)
