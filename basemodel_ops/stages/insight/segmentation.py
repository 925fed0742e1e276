"""The stage that learns the groups: from embeddings of the rows that the foundation model learnt from."""

import numpy as np

from basemodel_ops.artifacts import Draft
from basemodel_ops.insight.segments import LEVELS, grow
from basemodel_ops.report import Report
from basemodel_ops.stages.features.rows import Examples
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.workspace import Numbers, Workspace

KEY = "segmentation"

CUTOFFS, ROWS = 8, 20_000
"""Groups are learnt from rows at the last cutoffs before the end of training, and from so many, at most."""


def segmentation(ws: Workspace) -> Report:
    """Learn groups of embeddings and groups within them; no entity is named in them."""
    end = ws.snapshot().times.training_end

    def fill(ws: Workspace, draft: Draft) -> tuple[Numbers, dict[str, bytes]]:
        examples, checkpoint = Examples(ws.current("training_examples")), Checkpoint(ws)
        cutoffs = np.unique(examples.cutoff[examples.cutoff < end])[-CUTOFFS:]
        rows = np.flatnonzero(np.isin(examples.cutoff, cutoffs))
        rows = np.sort(np.random.default_rng(ws.settings.seed).permutation(rows)[:ROWS])
        tree = grow(checkpoint.embedding(examples, rows), ws.settings.seed)
        draft.arrays("tree", tree.arrays())
        numbers: Numbers = {"rows": len(rows)}
        for level in range(1, LEVELS + 1):
            numbers[f"groups_{level}"] = int((tree.level == level).sum())
            if numbers[f"groups_{level}"]:
                numbers[f"agreement_{level}"] = round(float(tree.agreement[tree.level == level].mean()), 3)
        return numbers, {}

    return ws.made(KEY, fill)
