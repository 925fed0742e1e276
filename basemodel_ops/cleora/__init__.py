"""Cleora: vectors of the things events mention, from the sets they are seen in (arXiv 2102.02302)."""

from basemodel_ops.cleora.embedding import Embedding, embed, embed_unseen
from basemodel_ops.cleora.hypergraph import Hypergraph, build_hypergraph, join_hypergraphs

__all__ = ["Embedding", "Hypergraph", "build_hypergraph", "embed", "embed_unseen", "join_hypergraphs"]
