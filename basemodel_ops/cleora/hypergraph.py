"""Hypergraphs as two sorted lists of incidences: linear in rows, the clique is never expanded."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hypergraph:
    """Incidences in both orders, as compressed sparse rows.

    `edge_nodes[edge_start[j]:edge_start[j + 1]]` are the nodes of hyperedge j, and `node_edges` the hyperedges of a
    node. A node occurs once in a hyperedge.
    """

    edge_start: np.ndarray  # (edges + 1,) int64
    edge_nodes: np.ndarray  # (incidences,) int32
    node_start: np.ndarray  # (nodes + 1,) int64
    node_edges: np.ndarray  # (incidences,) int32

    @property
    def nodes(self) -> int:
        """Number of nodes, isolated ones included."""
        return len(self.node_start) - 1

    @property
    def edges(self) -> int:
        """Number of hyperedges."""
        return len(self.edge_start) - 1


def build_hypergraph(nodes: np.ndarray, edges: np.ndarray, count: int) -> Hypergraph:
    """Hypergraph of `count` nodes from incidences (node, edge id); negative nodes are unknown and dropped.

    Hyperedges of one node say nothing of neighbours and are dropped. The order of the rows does not matter.
    """
    known = nodes >= 0
    _, edge = np.unique(edges[known], return_inverse=True)
    # One sort of (edge, node) pairs removes repeats and puts the incidences into a canonical order.
    pairs = np.unique(edge.astype(np.int64) * count + nodes[known])
    edge, node = np.divmod(pairs, max(count, 1))
    size = np.bincount(edge)
    keep = size[edge] > 1 if len(edge) else np.zeros(0, bool)
    edge, node = edge[keep], node[keep]
    _, edge = np.unique(edge, return_inverse=True)
    edge_start = np.concatenate([[0], np.cumsum(np.bincount(edge))]) if len(edge) else np.zeros(1, np.int64)
    order = np.argsort(node, kind="stable")
    node_start = np.concatenate([[0], np.cumsum(np.bincount(node, minlength=count))])
    return Hypergraph(
        edge_start.astype(np.int64), node.astype(np.int32), node_start.astype(np.int64), edge[order].astype(np.int32)
    )


def join_hypergraphs(first: Hypergraph, second: Hypergraph) -> Hypergraph:
    """The hyperedges of both, over the same nodes."""
    if first.nodes != second.nodes:
        raise ValueError(f"The hypergraphs have {first.nodes} and {second.nodes} nodes; they must share them.")
    nodes = np.concatenate([first.edge_nodes, second.edge_nodes])
    edges = np.concatenate(
        [
            np.repeat(np.arange(first.edges), np.diff(first.edge_start)),
            np.repeat(np.arange(second.edges), np.diff(second.edge_start)) + first.edges,
        ]
    )
    return build_hypergraph(nodes, edges, first.nodes)
