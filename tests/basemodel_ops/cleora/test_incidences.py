"""Weights: what is refused."""

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph
from basemodel_ops.errors import DataError


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0, 1e30])
def test_weights_that_are_none_are_refused_with_their_row(bad):
    with pytest.raises(DataError, match=r"1 of 3 weights .* in row 2"):
        build_hypergraph(np.array([0, 1, 2]), np.array([0, 0, 0]), 3, np.array([1.0, 0.5, bad]))


def test_weights_of_the_wrong_shape_or_kind_are_refused():
    nodes = np.array([0, 1, 2])
    with pytest.raises(DataError, match="for 3 incidences"):
        build_hypergraph(nodes, nodes, 3, np.ones(2))
    with pytest.raises(DataError, match="must be numbers"):
        build_hypergraph(nodes, nodes, 3, np.array(["1", "2", "3"]))


def test_incidences_of_zero_weight_are_none():
    graph = build_hypergraph(np.array([0, 1, 2]), np.array([0, 0, 0]), 3, np.array([1.0, 0.0, 2.0]))
    assert graph.edge_nodes.tolist() == [0, 2]
