"""Cleora against the dense formula."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import build_hypergraph, embed
from basemodel_ops.cleora.embedding import hash_ids, propagate, to_unit_length
from basemodel_ops.cleora.kernels import hashed_start


def dense_step(nodes, edges, count, vectors):
    """M T from the clique expansion, as in the paper."""
    incidence = np.zeros((count, edges.max() + 1))
    incidence[nodes, edges] = 1
    incidence = incidence[:, incidence.sum(0) > 1]
    adjacency = incidence @ np.diag(1 / np.maximum(incidence.sum(0), 1)) @ incidence.T
    degree = adjacency.sum(1)
    return np.divide(adjacency @ vectors, degree[:, None], out=np.zeros_like(vectors), where=degree[:, None] > 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.integers(1, 15), st.integers(2, 60))
def test_a_step_equals_the_dense_markov_product(seed, count, edge_count, rows):
    generator = np.random.default_rng(seed)
    nodes, edges = generator.integers(0, count, rows), generator.integers(0, edge_count, rows)
    vectors = generator.standard_normal((count, 8)).astype(np.float32)
    graph = build_hypergraph(nodes, edges, count)
    np.testing.assert_allclose(
        propagate(graph, vectors), dense_step(nodes, edges, count, vectors.astype(float)), atol=1e-5
    )


def test_the_order_of_rows_does_not_change_a_byte():
    generator = np.random.default_rng(1)
    nodes, edges = generator.integers(0, 50, 400), generator.integers(0, 60, 400)
    order = generator.permutation(400)
    ids = [f"n{i}" for i in range(50)]
    one = embed(build_hypergraph(nodes, edges, 50), ids, 16, 4)
    two = embed(build_hypergraph(nodes[order], edges[order], 50), ids, 16, 4)
    assert one.vectors.tobytes() == two.vectors.tobytes()


def test_equal_ids_start_equal_wherever_they_stand():
    first, second = hashed_start(hash_ids(["a", "b"]), 8, 0), hashed_start(hash_ids(["b", "c"]), 8, 0)
    np.testing.assert_array_equal(first[1], second[0])
    assert (np.abs(first) <= 1).all()


def test_zero_rows_stay_zero_and_others_reach_unit_length():
    rows = to_unit_length(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0])


def test_whitened_vectors_tell_communities_apart():
    generator = np.random.default_rng(0)
    edges = np.repeat(np.arange(200), 5)
    nodes = generator.integers(0, 20, 1000) + 20 * (edges % 2)
    vectors = embed(build_hypergraph(nodes, edges, 40), list(range(40)), 8, 8).vectors
    same = (vectors[:20] @ vectors[:20].T).mean()
    assert same > (vectors[:20] @ vectors[20:].T).mean() + 0.2
