"""Which futures the learners of activity are taught, and which are kept of each sample of rows."""

import numpy as np

from basemodel_ops.representation.layout import Block, Layout

NOT_FORESEEN = ("sessions", "active_days")
"""Amounts that say again what the number of events says."""


def foreseen(futures: Layout) -> list[Block]:
    """The activity futures that are learnt, in order; each is one number."""
    return [
        block
        for block in futures.blocks
        if block.kind in ("any", "wait") or (block.kind == "amount" and block.column not in NOT_FORESEEN)
    ]


def kept_columns(futures: Layout) -> dict[str, np.ndarray]:
    """Which futures are kept of each sample of rows: all of those that things learn from, of the others activity."""
    activity = [block.offset for block in foreseen(futures)]
    return {"futures": np.arange(futures.length), "activity": np.array(activity, np.int64)}
