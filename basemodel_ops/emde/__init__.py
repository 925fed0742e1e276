"""EMDE: densities of behaviour as additive sketches (arXiv 2006.01894)."""

from basemodel_ops.emde.codes import density_codes, identity_codes
from basemodel_ops.emde.query import element_scores
from basemodel_ops.emde.sketch import decayed_counts, last_seen, normalise_rows, pooled_vectors, window_counts

__all__ = [
    "decayed_counts",
    "density_codes",
    "element_scores",
    "identity_codes",
    "last_seen",
    "normalise_rows",
    "pooled_vectors",
    "window_counts",
]
