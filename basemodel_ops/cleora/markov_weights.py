"""What one incidence of a node counts in its Markov row, and how finely sums are kept.

A contribution is rounded to 2^-30, so a node's sum may be off by 2^-31 for each of its hyperedges: 2e-6 at 4,096 of
them. Nodes with more, the hubs, are few by nature (incidences / 4,096 at most) and are summed in 64 bits, to 2^-54.
"""

from dataclasses import dataclass

import numpy as np

UNIT = 2.0**30
"""Integer steps to one in the sums of a node."""

HUB_BITS = 24
"""Further bits in the sums of a hub."""

HUB_ABOVE = 4096
"""Nodes in more hyperedges than this are hubs."""

MOST_HUBS = 2**24
"""Hubs that a float32 can number."""


@dataclass(frozen=True)
class MarkovWeights:
    """Factors from a hyperedge's mean to integer steps of its members' sums."""

    inverse: np.ndarray  # (nodes,) float32: 2^30 / degree; 0 for isolated nodes; -1, -2, … for the first, second … hub
    hubs: np.ndarray  # (hubs,) int64, their nodes
    hub_inverse: np.ndarray  # (hubs,) float32: 2^54 / degree

    @property
    def connected(self) -> int:
        """Number of nodes that are in a hyperedge."""
        return int(np.count_nonzero(self.inverse))


def markov_weights_of(degree: np.ndarray, hyperedges: np.ndarray, hub_above: int = HUB_ABOVE) -> MarkovWeights:
    """Shares from the nodes' weights.

    Args:
        degree: Weight of all incidences of a node, float64 (nodes,).
        hyperedges: Number of hyperedges of a node, int64 (nodes,).
        hub_above: Nodes in more hyperedges than this are summed in 64 bits.
    """
    while np.count_nonzero(hyperedges > hub_above) > MOST_HUBS:
        hub_above *= 2
    hubs = np.flatnonzero((hyperedges > hub_above) & (degree > 0))
    with np.errstate(divide="ignore"):
        inverse = np.where(degree > 0, UNIT / degree, 0).astype(np.float32)
    inverse[hubs] = -1 - np.arange(len(hubs))
    return MarkovWeights(inverse, hubs, (UNIT * 2.0**HUB_BITS / degree[hubs]).astype(np.float32))
