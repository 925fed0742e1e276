"""A step against the dense formula, on any number of threads."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import build_graph, build_hypergraph
from basemodel_ops.cleora.embedding import propagate
from basemodel_ops.cleora.kernels import hashed_start, unit_rows
from tests.basemodel_ops.cleora.dense import incidence, markov

SIZES = {
    "seed": st.integers(0, 10_000),
    "count": st.integers(2, 20),
    "edge_count": st.integers(1, 15),
    "rows": st.integers(0, 80),
}


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
    np.testing.assert_allclose(propagate(build_graph(sources, targets, count, weights), vectors), expected, atol=1e-5)


def test_the_number_of_threads_does_not_change_a_byte():
    generator = np.random.default_rng(3)
    nodes, edges = generator.integers(0, 300, 5000), generator.integers(0, 700, 5000)
    weights, vectors = generator.random(5000), generator.uniform(-1, 1, (300, 50)).astype(np.float32)
    found, before = [], numba.get_num_threads()
    try:
        for threads in (1, min(2, before)):
            numba.set_num_threads(threads)
            graph = build_hypergraph(nodes, edges, 300, weights, cap=5)
            found.append((graph.edge_nodes.tobytes(), propagate(graph, vectors).tobytes()))
    finally:
        numba.set_num_threads(before)
    assert found[0] == found[1]


def test_a_node_in_very_many_hyperedges_keeps_its_digits():
    count, edges = 1000, 300_000
    generator = np.random.default_rng(0)
    nodes = np.stack([np.zeros(edges, np.int64), generator.integers(1, count, edges)], axis=1).reshape(-1)
    graph = build_hypergraph(nodes, np.repeat(np.arange(edges), 2), count)
    vectors = generator.uniform(0.5, 1, (count, 16)).astype(np.float32)
    share = np.bincount(nodes[1::2], minlength=count) / edges
    expected = (vectors[0].astype(float) + share @ vectors) / 2
    np.testing.assert_allclose(propagate(graph, vectors)[0], expected, atol=1e-7)


def test_the_start_is_uniform_and_depends_on_id_column_and_seed():
    start = hashed_start(np.arange(2000, dtype=np.uint64), 64, 0)
    assert np.abs(start).max() < 1
    assert abs(start.mean()) < 0.01
    assert start.var() == pytest.approx(1 / 3, abs=0.01)
    assert np.abs(np.corrcoef(start[:, :8].T) - np.eye(8)).max() < 0.1
    assert (hashed_start(np.arange(5, dtype=np.uint64), 64, 1) != start[:5]).all()


def test_the_start_is_the_same_on_any_machine():
    found = hashed_start(np.array([0, 1, 2**64 - 1], np.uint64), 2, 7)
    expected = np.empty((3, 2))
    for row, value in enumerate([0, 1, 2**64 - 1]):
        for column in range(2):
            z = (value + 0x9E3779B97F4A7C15 * (column + 1 + 7 * 1_000_003)) % 2**64
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
            expected[row, column] = (2 * ((z ^ z >> 31) >> 41) + 1) / 2**23 - 1
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_zero_rows_stay_zero_and_others_reach_unit_length():
    rows = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    unit_rows(rows, rows)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0])
