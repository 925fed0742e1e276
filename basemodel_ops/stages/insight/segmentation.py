"""The stage that learns the groups: from embeddings of the rows that the foundation model learnt from."""

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.insight.segments import LEVELS, grow
from basemodel_ops.report import Report
from basemodel_ops.stages.features.rows import FeatureStore
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.workspace import ReportMetrics, Workspace

KEY = "segmentation"

CUTOFFS, ROWS = 8, 20_000
"""Groups are learnt from rows at the last cutoffs before the end of training, and from so many, at most."""


def segmentation(ws: Workspace) -> Report:
    """Learn groups of embeddings and groups within them; no entity is named in them."""
    end = ws.snapshot().times.training_end

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[ReportMetrics, dict[str, bytes]]:
        examples, checkpoint = FeatureStore(ws.current("training_examples")), Checkpoint(ws)
        cutoffs = np.unique(examples.cutoff[examples.cutoff < end])[-CUTOFFS:]
        rows = np.flatnonzero(np.isin(examples.cutoff, cutoffs))
        rows = np.sort(np.random.default_rng(ws.settings.seed).permutation(rows)[:ROWS])
        tree = grow(checkpoint.embedding(examples, rows), ws.settings.seed)
        writer.arrays("tree", tree.arrays())
        report_metrics: ReportMetrics = {"rows": len(rows)}
        for level in range(1, LEVELS + 1):
            report_metrics[f"groups_{level}"] = int((tree.level == level).sum())
            if report_metrics[f"groups_{level}"]:
                report_metrics[f"agreement_{level}"] = round(float(tree.agreement[tree.level == level].mean()), 3)
        return report_metrics, {}

    return ws.materialize(KEY, write)
