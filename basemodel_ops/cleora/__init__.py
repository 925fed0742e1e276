"""Cleora: vectors of the items events mention, from the sets they are seen in (arXiv 2102.02302)."""

from basemodel_ops.cleora.embedding import Embedding, embed, embed_stream
from basemodel_ops.cleora.hypergraph import Hypergraph, build_hypergraph
from basemodel_ops.cleora.ids import hash_ids, index_ids
from basemodel_ops.cleora.unseen import embed_unseen

__all__ = [
    "Embedding", "Hypergraph", "build_hypergraph", "embed", "embed_stream", "embed_unseen", "hash_ids", "index_ids",
]  # fmt: skip
