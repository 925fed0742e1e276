"""The universal behavioural representation of an entity at a cutoff: fixed length, documented layout."""

from basemodel_ops.representation.build import (
    Density,
    SourcePlan,
    history_layout,
    history_values,
    target_layout,
    target_values,
)
from basemodel_ops.representation.events import EventReader, Events
from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Block, Layout, explain_layout
from basemodel_ops.representation.sorting import sorted_events
from basemodel_ops.representation.stream import stream_histories

__all__ = [
    "Block",
    "Density",
    "EventReader",
    "Events",
    "History",
    "Layout",
    "SourcePlan",
    "explain_layout",
    "history_layout",
    "history_values",
    "sorted_events",
    "stream_histories",
    "target_layout",
    "target_values",
]
