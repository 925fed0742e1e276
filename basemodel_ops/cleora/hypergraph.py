"""Hypergraphs as one sorted list of incidences: linear in rows, the clique is never expanded."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.cleora.grouping import group, members_of, pack
from basemodel_ops.cleora.incidences import check_count, check_edges, check_nodes, check_weights
from basemodel_ops.cleora.sorting import bit_length, offsets, radix_sort, ranks
from basemodel_ops.errors import DataError


@dataclass(frozen=True)
class Hypergraph:
    """Hyperedges with their nodes, as compressed sparse rows.

    `edge_nodes[edge_start[j]:edge_start[j + 1]]` are the nodes of hyperedge j, ascending, each once, two or more.
    """

    nodes: int  # isolated ones included
    edge_start: np.ndarray  # (edges + 1,) int64
    edge_nodes: np.ndarray  # (incidences,) int32
    weights: np.ndarray | None = None  # (incidences,) float32; all one if None

    @property
    def edges(self) -> int:
        """Number of hyperedges."""
        return len(self.edge_start) - 1

    @property
    def incidences(self) -> int:
        """Number of (node, hyperedge) pairs."""
        return len(self.edge_nodes)

    @property
    def hyperedges(self) -> np.ndarray:
        """Number of hyperedges of a node, int64 (nodes,)."""
        return np.bincount(self.edge_nodes, minlength=self.nodes)

    @property
    def degree(self) -> np.ndarray:
        """Weight of all incidences of a node: its row sum of A, float64 (nodes,)."""
        counts = self.hyperedges if self.weights is None else np.bincount(self.edge_nodes, self.weights, self.nodes)
        return counts.astype(np.float64)

    @property
    def connected(self) -> np.ndarray:
        """Which nodes are in a hyperedge, bool (nodes,)."""
        return self.hyperedges > 0


def build_hypergraph(
    nodes: np.ndarray,
    edges: object,
    count: int,
    weights: np.ndarray | None = None,
    cap: int | None = None,
) -> Hypergraph:
    """Hypergraph of `count` nodes from incidences: rows of one node and one hyperedge id.

    The id may be a session, the entity of an event, or anything else that rows share. The order of the rows does not
    matter. Hyperedges of one node say nothing of neighbours and are dropped, as are empty ones. A node that stands more
    than once in a hyperedge counts once, or with the sum of its weights.

    Args:
        nodes: Indices below `count`, integer (rows,); negative ones are unknown and dropped.
        edges: Hyperedge ids, (rows,) integers or text, as numpy or Arrow; text is hashed to 64 bits.
        count: Number of nodes.
        weights: Weight of each incidence, (rows,), finite and not negative; those of zero are dropped.
        cap: Most nodes of a hyperedge. A larger one keeps the nodes with the least hash of (hyperedge id, node): a
            sample that favours no node, the same on any machine and for any order of rows.

    Raises:
        DataError: 2^31 incidences or more, a node out of range, ids or weights that are none.
    """
    check_count(len(nodes))
    nodes = np.asarray(nodes)
    check_nodes(nodes, count)
    ids = check_edges(edges, len(nodes))
    weight = np.zeros(0, np.float32) if weights is None else check_weights(np.asarray(weights), len(nodes))
    if cap is not None and cap < 2:
        raise DataError(f"A cap of {cap} nodes leaves no hyperedge; give 2 or more.")
    if len(nodes) == 0:
        return Hypergraph(count, np.zeros(1, np.int64), np.zeros(0, np.int32), None if weights is None else weight)
    key, least, reach = offsets(ids)
    names, node_bits = np.zeros(0, np.uint64), bit_length(count)
    if reach.bit_length() + node_bits > 64:
        distinct, rank = ranks(key)
        names = distinct + np.uint64(least % 2**64)
        key, reach = rank.astype(np.uint64), len(names) - 1
    key, weight = pack(key, nodes, weight, node_bits)
    key, weight = radix_sort(key, weight, node_bits, node_bits + reach.bit_length())
    start, size = group(key, weight, node_bits, np.uint64(least % 2**64), names, cap or 0)
    edge_start, members, weight = members_of(key, weight, start, size, node_bits)
    return Hypergraph(count, edge_start, members, None if weights is None else weight)
