"""The stage that learns the groups: from embeddings of the rows that the foundation model learnt from."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.artifacts import Artifact, ArtifactStore, ArtifactWriter
from basemodel_ops.assets import FOUNDATION_MODEL, SEGMENTATION
from basemodel_ops.insight.segments import LEVELS, Tree, grow
from basemodel_ops.report import Report
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.workspace import ReportMetrics, Workspace

CUTOFFS, ROWS = 8, 20_000
"""Groups are learnt from rows at the last cutoffs before the end of training, and from so many, at most."""


@dataclass(frozen=True)
class SegmentationArtifact:
    """The groups of embeddings that every week is divided by."""

    artifact: Artifact
    key = SEGMENTATION

    @classmethod
    def current(cls, store: ArtifactStore) -> "SegmentationArtifact":
        """The current groups."""
        return cls(store.current(cls.key))

    @property
    def model_version(self) -> str:
        """Of the foundation model that made the embeddings."""
        return self.artifact.manifest["about"]["inputs"]["artifacts"][FOUNDATION_MODEL]

    @property
    def tree(self) -> Tree:
        """The groups, and the groups within them."""
        return Tree(**self.artifact.arrays("tree"))

    @staticmethod
    def write(writer: ArtifactWriter, tree: Tree) -> None:
        """Write the groups."""
        writer.arrays("tree", tree.arrays())


def segmentation(ws: Workspace) -> Report:
    """Learn groups of embeddings and groups within them; no entity is named in them."""
    end = ws.snapshot().times.training_end

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
        examples, checkpoint = ExamplesArtifact.current(ws.store), Checkpoint(ws.store)
        cutoffs = np.unique(examples.cutoff[examples.cutoff < end])[-CUTOFFS:]
        rows = np.flatnonzero(np.isin(examples.cutoff, cutoffs))
        rows = np.sort(np.random.default_rng(ws.settings.seed).permutation(rows)[:ROWS])
        tree = grow(checkpoint.embedding(examples, rows), ws.settings.seed)
        SegmentationArtifact.write(writer, tree)
        report_metrics: ReportMetrics = {"rows": len(rows)}
        for level in range(1, LEVELS + 1):
            report_metrics[f"groups_{level}"] = int((tree.level == level).sum())
            if report_metrics[f"groups_{level}"]:
                report_metrics[f"agreement_{level}"] = round(float(tree.agreement[tree.level == level].mean()), 3)
        return report_metrics, {}

    return ws.materialize(SegmentationArtifact.key, write)
