"""The universal behavioural representation of an entity at a cutoff: fixed length, documented layout."""

from basemodel_ops.representation.build import SourcePlan, future_layout, future_values, history_layout, history_values
from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Block, Layout

__all__ = [
    "Block",
    "History",
    "Layout",
    "SourcePlan",
    "future_layout",
    "future_values",
    "history_layout",
    "history_values",
]
