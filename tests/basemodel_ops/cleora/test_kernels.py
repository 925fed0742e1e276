"""A step against the dense formula, on any number of threads."""

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import Hypergraph, build_hypergraph
from basemodel_ops.cleora.cpu import CpuVectors
from tests.basemodel_ops.cleora.dense import incidence, markov

SIZES = {
    "seed": st.integers(0, 10_000),
    "count": st.integers(2, 20),
    "edge_count": st.integers(1, 15),
    "rows": st.integers(0, 80),
}


def propagate(graph: Hypergraph, vectors: np.ndarray) -> np.ndarray:
    """One step of vectors of any length; the state takes those within [-1, 1], and a power of two loses nothing."""
    reach = float(np.abs(vectors).max(initial=0.0))
    factor = np.float32(2.0 ** np.ceil(np.log2(reach))) if reach > 0 else np.float32(1)
    scaled = np.ascontiguousarray(vectors / factor, np.float32)
    state = CpuVectors.of(scaled, graph.degree, graph.hyperedges)
    state.step(graph, is_centred=False)
    return state.take() * factor


@settings(max_examples=60, deadline=None)
@given(**SIZES, dimension=st.integers(1, 40), is_weighted=st.booleans())
def test_a_step_equals_the_dense_markov_product(seed, count, edge_count, rows, dimension, is_weighted):
    generator = np.random.default_rng(seed)
    nodes, edges = generator.integers(-1, count, rows), generator.integers(-3, edge_count, rows)
    weights = generator.choice([0.0, 0.1, 1.0, 7.5, 1e3], rows) if is_weighted else None
    vectors = generator.standard_normal((count, dimension)).astype(np.float32)
    graph = build_hypergraph(nodes, edges, count, weights)
    expected = markov(incidence(nodes, edges, count, weights)) @ vectors
    np.testing.assert_allclose(propagate(graph, vectors), expected, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(**SIZES)
def test_an_edge_list_equals_the_dense_markov_product(seed, count, edge_count, rows):
    generator = np.random.default_rng(seed)
    sources, targets = generator.integers(0, count, rows), generator.integers(0, count, rows)
    weights = generator.random(rows)
    vectors = generator.standard_normal((count, 8)).astype(np.float32)
    adjacency = np.zeros((count, count))
    for source, target, weight in zip(sources, targets, weights, strict=True):
        if source != target:
            adjacency[source, target] += weight / 2
            adjacency[target, source] += weight / 2
            adjacency[source, source] += weight / 2
            adjacency[target, target] += weight / 2
    degree = adjacency.sum(1, keepdims=True)
    expected = np.divide(adjacency, degree, out=np.zeros_like(adjacency), where=degree > 0) @ vectors
    ends = np.stack([sources, targets], axis=1).reshape(-1)
    graph = build_hypergraph(ends, np.repeat(np.arange(rows), 2), count, np.repeat(weights, 2))
    np.testing.assert_allclose(propagate(graph, vectors), expected, atol=1e-5)


def test_the_number_of_threads_does_not_change_a_byte():
    generator = np.random.default_rng(3)
    nodes, edges = generator.integers(0, 300, 5000), generator.integers(0, 700, 5000)
    weights, vectors = generator.random(5000), generator.uniform(-1, 1, (300, 50)).astype(np.float32)
    result, before = [], numba.get_num_threads()
    try:
        for threads in (1, min(2, before)):
            numba.set_num_threads(threads)
            graph = build_hypergraph(nodes, edges, 300, weights, cap=5)
            result.append((graph.edge_nodes.tobytes(), propagate(graph, vectors).tobytes()))
    finally:
        numba.set_num_threads(before)
    assert result[0] == result[1]


def test_a_node_in_very_many_hyperedges_keeps_its_digits():
    count, edges = 1000, 300_000
    generator = np.random.default_rng(0)
    nodes = np.stack([np.zeros(edges, np.int64), generator.integers(1, count, edges)], axis=1).reshape(-1)
    graph = build_hypergraph(nodes, np.repeat(np.arange(edges), 2), count)
    vectors = generator.uniform(0.5, 1, (count, 16)).astype(np.float32)
    share = np.bincount(nodes[1::2], minlength=count) / edges
    expected = (vectors[0].astype(float) + share @ vectors) / 2
    np.testing.assert_allclose(propagate(graph, vectors)[0], expected, atol=1e-7)
