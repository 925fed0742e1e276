"""Which targets the learners of activity are taught, and which are kept of each sample of rows."""

import numpy as np

from basemodel_ops.representation.layout import Block, Layout

EXCLUDED = ("sessions", "active_days")
"""Amounts that say again what the number of events says."""


def activity_targets(targets: Layout) -> list[Block]:
    """The activity targets that are learnt, in order; each is one number."""
    return [
        block
        for block in targets.blocks
        if block.kind in ("occurred", "time_to_event") or (block.kind == "amount" and block.column not in EXCLUDED)
    ]


def kept_columns(targets: Layout) -> dict[str, np.ndarray]:
    """Which targets are kept of each sample of rows: all of those that items learn from, of the others activity."""
    activity = [block.offset for block in activity_targets(targets)]
    return {"targets": np.arange(targets.length), "activity": np.array(activity, np.int64)}
