"""EMDE: densities of behaviour as additive sketches (arXiv 2006.01894)."""

from basemodel_ops.emde.codes import DensityLSH, compact, identity_codes
from basemodel_ops.emde.histories import sketch_histories
from basemodel_ops.emde.item_numbers import item_numbers
from basemodel_ops.emde.moments import Moments, decayed_moments
from basemodel_ops.emde.query import (
    SketchContents,
    decoded_counts,
    effective_age,
    item_scores,
    query_sketch,
)
from basemodel_ops.emde.sketch import decayed_counts, last_seen, pooled_vectors, window_counts

__all__ = [
    "DensityLSH",
    "Moments",
    "SketchContents",
    "compact",
    "decayed_counts",
    "decayed_moments",
    "decoded_counts",
    "effective_age",
    "identity_codes",
    "item_numbers",
    "item_scores",
    "last_seen",
    "pooled_vectors",
    "query_sketch",
    "sketch_histories",
    "window_counts",
]
