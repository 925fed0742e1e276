"""Weights: what is refused, and how time fades them."""

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph, decayed_weights
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


def test_weights_halve_every_half_life():
    ages, values = np.array([0.0, 7.0, 14.0]), np.array([3.0, 2.0, 8.0])
    np.testing.assert_allclose(decayed_weights(ages, 7), [1, 0.5, 0.25])
    np.testing.assert_allclose(decayed_weights(ages, 7, values), [3, 1, 2])
    np.testing.assert_allclose(decayed_weights(ages, np.inf, values), values)


def test_ages_and_half_lives_that_are_none_are_refused():
    with pytest.raises(DataError, match="event after the moment"):
        decayed_weights(np.array([1.0, -0.1]), 7)
    with pytest.raises(DataError, match="Age nan in row 0"):
        decayed_weights(np.array([np.nan]), 7)
    for half_life in (0, -1, np.nan):
        with pytest.raises(DataError, match="does not decay"):
            decayed_weights(np.array([1.0]), half_life)
