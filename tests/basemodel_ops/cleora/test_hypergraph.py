"""Hypergraphs from incidences."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import build_hypergraph, hash_ids
from basemodel_ops.cleora.hypergraph import Hypergraph
from basemodel_ops.errors import DataError


def sets_of(graph: Hypergraph) -> list[dict[int, float]]:
    weights = np.ones(graph.incidences) if graph.weights is None else graph.weights
    bounds = zip(graph.edge_start[:-1], graph.edge_start[1:], strict=True)
    return [dict(zip(graph.edge_nodes[a:b].tolist(), weights[a:b].tolist(), strict=True)) for a, b in bounds]


def expected_sets(nodes, edges, weights=None):
    result: dict[int, dict[int, float]] = {}
    for i, (node, edge) in enumerate(zip(nodes.tolist(), edges.tolist(), strict=True)):
        if node >= 0 and (weights is None or weights[i] > 0):
            members = result.setdefault(edge, {})
            members[node] = members.get(node, 0.0) + float(weights[i]) if weights is not None else 1.0
    return [members for _, members in sorted(result.items()) if len(members) > 1]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([1, 7, 2**30, 2**62]), st.integers(0, 300),
    st.booleans(),
)  # fmt: skip
def test_hyperedges_are_the_sets_of_the_rows(seed, count, step, rows, is_weighted):
    generator = np.random.default_rng(seed)
    nodes, edges = generator.integers(-2, count, rows), generator.integers(-2, 2, rows) * step
    weights = generator.choice([0, 0.5, 2], rows) if is_weighted else None
    result = sets_of(build_hypergraph(nodes, edges, count, weights))
    assert result == expected_sets(nodes, edges, weights)
    assert all(list(members) == sorted(members) for members in result)


@pytest.mark.parametrize("spread", [1, 2**45])
def test_long_and_many_hyperedges(spread):
    generator = np.random.default_rng(0)
    nodes, edges = generator.integers(0, 400, 20_000), generator.integers(0, 60, 20_000) * spread
    weights = generator.random(20_000).astype(np.float32)
    assert sets_of(build_hypergraph(nodes, edges, 400)) == expected_sets(nodes, edges)
    for entry, other in zip(
        sets_of(build_hypergraph(nodes, edges, 400, weights)), expected_sets(nodes, edges, weights), strict=True
    ):
        assert entry == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("cap", [None, 3])
def test_the_order_of_rows_does_not_change_a_byte(cap):
    generator = np.random.default_rng(1)
    # Repeats of a node with weights whose float32 sum depends on the order of addition.
    nodes, edges = generator.integers(0, 9, 3000), generator.integers(0, 20, 3000)
    weights, order = generator.random(3000).astype(np.float32) ** 9, generator.permutation(3000)
    entry = build_hypergraph(nodes, edges, 9, weights, cap)
    two = build_hypergraph(nodes[order], edges[order], 9, weights[order], cap)
    assert entry.weights is not None
    assert two.weights is not None
    for first, second in ((entry.edge_start, two.edge_start), (entry.edge_nodes, two.edge_nodes)):
        np.testing.assert_array_equal(first, second)
    assert entry.weights.tobytes() == two.weights.tobytes()


def test_a_capped_hyperedge_is_a_sample_that_favours_no_node():
    edges, size = 2000, 40
    nodes = np.tile(np.arange(size), edges)
    graph = build_hypergraph(nodes, np.repeat(np.arange(edges), size), size, cap=10)
    assert (np.diff(graph.edge_start) == 10).all()
    # Binomial(2000, 1/4): standard deviation 19.
    assert np.abs(np.bincount(graph.edge_nodes) - 500).max() < 100


def test_the_cap_samples_alike_however_ids_are_spread():
    nodes, edges = np.tile(np.arange(50), 2), np.repeat([4, 9], 50)
    alone = build_hypergraph(nodes[edges == 9], edges[edges == 9], 50, cap=5)
    both = build_hypergraph(nodes, edges, 50, cap=5)
    spread = build_hypergraph(np.append(nodes, [0, 1]), np.append(edges, [2**63 - 1, -(2**63)]), 50, cap=5)
    assert sets_of(alone) == sets_of(both)[1:] == sets_of(spread)[1:]
    weighted = build_hypergraph(nodes, edges, 50, np.arange(100) + 1.0, cap=5)
    assert [list(members) for members in sets_of(weighted)] == [list(members) for members in sets_of(both)]


def test_text_names_hyperedges_as_its_hash_does():
    nodes, names = np.array([0, 1, 2, 0]), pa.array(["x", "x", "y", "y"])
    assert sets_of(build_hypergraph(nodes, names, 3)) == sets_of(build_hypergraph(nodes, hash_ids(names), 3))
    assert len(sets_of(build_hypergraph(nodes, names, 3))) == 2


def test_empty_and_one_element_hyperedges_say_nothing():
    assert build_hypergraph(np.array([0, 1, -1, 2, -1]), np.array([0, 1, 1, 2, 3]), 3).edges == 0
    assert build_hypergraph(np.array([1, 1, 1]), np.array([0, 0, 0]), 3).incidences == 0
    empty = build_hypergraph(np.zeros(0, np.int64), np.zeros(0, np.int64), 4)
    assert (empty.edges, empty.nodes, empty.incidences) == (0, 4, 0)
    assert not empty.connected.any()


def test_degrees_are_sums_of_weights():
    graph = build_hypergraph(np.array([0, 1, 0, 2]), np.array([0, 0, 1, 1]), 4, np.array([1.0, 2.0, 3.0, 4.0]))
    assert graph.degree.tolist() == [4, 2, 4, 0]
    assert graph.hyperedges.tolist() == [2, 1, 1, 0]


def test_indices_out_of_range_are_named():
    with pytest.raises(DataError, match="Node index 3 in row 1 is out of range: the graph has 3 nodes"):
        build_hypergraph(np.array([0, 3]), np.array([0, 0]), 3)
    with pytest.raises(DataError, match="integer indices, got float64"):
        build_hypergraph(np.array([0.0, 1.0]), np.array([0, 0]), 3)
    with pytest.raises(DataError, match="3 hyperedge ids for 2 nodes"):
        build_hypergraph(np.array([0, 1]), np.array([0, 0, 0]), 3)
    with pytest.raises(DataError, match="cap of 1"):
        build_hypergraph(np.array([0, 1]), np.array([0, 0]), 3, cap=1)


def test_more_incidences_than_positions_are_refused_before_anything_is_allocated():
    endless = np.broadcast_to(np.int32(0), 2**31)
    with pytest.raises(DataError, match=r"2,147,483,648 incidences.*embed_stream"):
        build_hypergraph(endless, endless, 1)
    with pytest.raises(DataError, match="nodes; at most"):
        build_hypergraph(np.array([0]), np.array([0]), 2**31)
