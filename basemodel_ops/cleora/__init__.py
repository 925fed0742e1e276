"""Cleora: vectors of the items events mention, from the sets they are seen in (arXiv 2102.02302)."""

from basemodel_ops.cleora.embedding import Embedding, embed, embed_stream
from basemodel_ops.cleora.hypergraph import Hypergraph, build_graph, build_hypergraph, join_hypergraphs
from basemodel_ops.cleora.ids import hash_ids, index_ids
from basemodel_ops.cleora.incidences import decayed_weights
from basemodel_ops.cleora.unseen import embed_unseen, inductive_gap

__all__ = [
    "Embedding", "Hypergraph", "build_graph", "build_hypergraph", "decayed_weights", "embed", "embed_stream",
    "embed_unseen", "hash_ids", "index_ids", "inductive_gap", "join_hypergraphs",
]  # fmt: skip
