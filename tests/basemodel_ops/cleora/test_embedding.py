"""Embeddings against the dense formula, whole and streamed."""

import numba
import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.cleora import build_hypergraph, embed, embed_stream, hash_ids
from basemodel_ops.cleora.cpu import CpuVectors
from basemodel_ops.cleora.markov_weights import HUB_ABOVE
from basemodel_ops.errors import DataError, SettingsError
from tests.basemodel_ops.cleora.dense import incidence, markov, unit, whitened


def start_of(ids, dimension):
    hashes = hash_ids(ids)
    return CpuVectors.start(hashes, dimension, 0, np.zeros(len(hashes)), np.zeros(len(hashes), np.int64)).take()


def rows_of(seed, count=60, edge_count=150, rows=700):
    generator = np.random.default_rng(seed)
    return generator.integers(0, count, rows), np.sort(generator.integers(0, edge_count, rows))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20), st.integers(0, 80), st.integers(0, 4), st.booleans())
def test_plain_iterations_equal_the_dense_formula(seed, count, rows, iterations, is_weighted):
    generator = np.random.default_rng(seed)
    nodes, edges = generator.integers(0, count, rows), generator.integers(0, 12, rows)
    weights = generator.random(rows) if is_weighted else None
    result = embed(build_hypergraph(nodes, edges, count, weights), range(count), 24, iterations, whiten=False)
    step = markov(incidence(nodes, edges, count, weights))
    expected = start_of(range(count), 24).astype(float)
    for _ in range(iterations):
        expected = unit(step @ expected)
    expected[step.sum(1) == 0] = 0
    np.testing.assert_allclose(result.vectors, expected, atol=1e-5)


@pytest.mark.parametrize("center", [False, True])
def test_whitened_and_centred_iterations_equal_the_dense_formula_up_to_rotation(center):
    nodes, edges = rows_of(0)
    result = embed(build_hypergraph(nodes, edges, 61), range(61), 8, 4, whiten=not center, center=center)
    step = markov(incidence(nodes, edges, 61))
    connected = step.sum(1) > 0
    expected = start_of(range(61), 8).astype(float)
    for _ in range(4):
        expected = step @ expected
        if center:
            expected = unit(np.where(connected[:, None], expected - expected[connected].mean(0), 0))
        else:
            expected = unit(whitened(expected, connected))
    np.testing.assert_allclose(result.vectors @ result.vectors.T, expected @ expected.T, atol=1e-3)
    assert not result.vectors[60].any()


@pytest.mark.parametrize("whiten", [False, True])
def test_the_order_of_rows_and_the_threads_do_not_change_a_byte(whiten):
    nodes, edges = rows_of(1, count=5000, edge_count=4000, rows=30_000)
    order = np.random.default_rng(1).permutation(len(nodes))
    ids = [f"n{i}" for i in range(5000)]
    expected = embed(build_hypergraph(nodes, edges, 5000), ids, 80, 4, whiten=whiten).vectors.tobytes()
    assert embed(build_hypergraph(nodes[order], edges[order], 5000), ids, 80, 4, whiten).vectors.tobytes() == expected
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, before)):
            numba.set_num_threads(threads)
            with threadpoolctl.threadpool_limits(threads, "blas"):
                result = embed(build_hypergraph(nodes, edges, 5000), ids, 80, 4, whiten=whiten).vectors
            assert result.tobytes() == expected
    finally:
        numba.set_num_threads(before)


def chunked(nodes, edges, weights=None, chunks=5, seed=0):
    """Chunks of whole hyperedges, in some order."""

    def start():
        for part in np.random.default_rng(seed).permutation(chunks):
            chosen = edges % chunks == part
            yield (nodes[chosen], edges[chosen]) if weights is None else (nodes[chosen], edges[chosen], weights[chosen])

    return start


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("iterations", [0, 1, 4])
def test_a_stream_gives_the_same_bytes(whiten, is_weighted, iterations):
    nodes, edges = rows_of(2, count=300, edge_count=500, rows=3000)
    weights = np.random.default_rng(0).integers(0, 5, 3000) if is_weighted else None
    ids, settings_ = np.arange(301), {"whiten": whiten, "center": True, "device": "cpu"}
    complete = embed(build_hypergraph(nodes, edges, 301, weights, cap=4), ids, 40, iterations, **settings_)
    for seed in (0, 1):
        result = embed_stream(chunked(nodes, edges, weights, seed=seed), ids, 40, iterations, cap=4, **settings_)
        for name in ("vectors", "previous", "mean", "whitening"):
            assert getattr(result, name).tobytes() == getattr(complete, name).tobytes(), name


def test_a_stream_gives_the_same_bytes_with_hubs():
    generator = np.random.default_rng(0)
    nodes = np.stack([np.arange(6000) % 2, generator.integers(2, 50, 6000)], axis=1).reshape(-1)
    both = np.append(nodes, nodes), np.repeat(np.arange(6000), 4)
    graph = build_hypergraph(*both, 50)
    assert (graph.hyperedges > HUB_ABOVE).sum() == 2
    complete = embed(graph, range(50), 20, 3, device="cpu")
    assert embed_stream(chunked(*both), range(50), 20, 3, device="cpu").vectors.tobytes() == complete.vectors.tobytes()


def test_a_hyperedge_in_two_chunks_is_refused():
    chunks = [(np.array([0, 1]), np.array([7, 7])), (np.array([2]), np.array([7]))]
    with pytest.raises(DataError, match="1 hyperedges stand in two chunks, 7 among them"):
        embed_stream(lambda: iter(chunks), range(3), 8, 1)


def test_the_vectors_before_the_last_step_are_those_of_one_step_less():
    graph = build_hypergraph(*rows_of(4), 60)
    entry, two = (embed(graph, range(60), 16, steps) for steps in (3, 4))
    np.testing.assert_array_equal(two.previous, entry.vectors)
    assert embed(graph, range(60), 16, 4, keep_previous=False).vectors.tobytes() == two.vectors.tobytes()


def test_equal_ids_start_equal_wherever_they_stand():
    first, second = start_of(["a", "b"], 8), start_of(["b", "c"], 8)
    np.testing.assert_array_equal(first[1], second[0])


def test_whitened_vectors_tell_communities_apart():
    generator = np.random.default_rng(0)
    edges = np.repeat(np.arange(200), 5)
    nodes = generator.integers(0, 20, 1000) + 20 * (edges % 2)
    vectors = embed(build_hypergraph(nodes, edges, 40), list(range(40)), 8, 8).vectors
    same = (vectors[:20] @ vectors[:20].T).mean()
    assert same > (vectors[:20] @ vectors[20:].T).mean() + 0.2


def test_nothing_to_embed_is_an_answer():
    empty = np.zeros(0, np.int64)
    assert embed(build_hypergraph(empty, empty, 0), [], 8, 4).vectors.shape == (0, 8)
    lonely = embed(build_hypergraph(np.array([0, 1]), np.array([0, 1]), 2), ["a", "b"], 8, 4)
    assert not lonely.vectors.any()
    assert not embed_stream(lambda: iter(()), ["a", "b"], 8, 4).vectors.any()


def test_settings_out_of_bounds_are_refused():
    graph = build_hypergraph(np.array([0, 1]), np.array([0, 0]), 2)
    with pytest.raises(DataError, match="3 ids for a hypergraph of 2 nodes"):
        embed(graph, ["a", "b", "c"], 8, 1)
    for dimension, iterations in ((0, 1), (8, -1)):
        with pytest.raises(SettingsError, match="give 1 or more"):
            embed(graph, ["a", "b"], dimension, iterations)
    with pytest.raises(SettingsError, match="No device 'tpu'"):
        embed(graph, ["a", "b"], 8, 1, device="tpu")
