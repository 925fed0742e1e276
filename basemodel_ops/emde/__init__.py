"""EMDE: densities of behaviour as additive sketches (arXiv 2006.01894)."""

from basemodel_ops.emde.codes import DensityLSH, compact, density_codes, identity_codes
from basemodel_ops.emde.histories import sketch_histories
from basemodel_ops.emde.moments import Moments, decayed_moments
from basemodel_ops.emde.query import (
    SketchContents,
    decoded_counts,
    effective_age,
    item_scores,
    query_sketch,
    smallest_cells,
)
from basemodel_ops.emde.sketch import decayed_counts, last_seen, pooled_vectors, window_counts
from basemodel_ops.emde.sparse import SparseSketches, merged
from basemodel_ops.emde.stream import Shard, SketchStream

__all__ = [
    "DensityLSH",
    "Moments",
    "Shard",
    "SketchContents",
    "SketchStream",
    "SparseSketches",
    "compact",
    "decayed_counts",
    "decayed_moments",
    "decoded_counts",
    "density_codes",
    "effective_age",
    "identity_codes",
    "item_scores",
    "last_seen",
    "merged",
    "pooled_vectors",
    "query_sketch",
    "sketch_histories",
    "smallest_cells",
    "window_counts",
]
