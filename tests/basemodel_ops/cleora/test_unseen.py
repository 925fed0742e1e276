"""Unseen nodes go through the last step, as if they had been there."""

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph, embed, embed_unseen
from basemodel_ops.errors import DataError, SettingsError
from tests.basemodel_ops.cleora.dense import unit


@pytest.fixture
def embedding():
    generator = np.random.default_rng(0)
    graph = build_hypergraph(generator.integers(0, 50, 600), generator.integers(0, 150, 600), 50)
    return embed(graph, np.arange(50), 16, 4, device="cpu")


def test_an_unseen_node_is_the_transformed_mean_of_its_neighbours(embedding):
    neighbours = [np.array([3, 4, 4]), np.array([7, -1])]
    weights = [np.array([1.0, 2.0, 0.5]), np.array([5.0, 9.0])]
    means = [embedding.previous[[3, 4, 4]].mean(0), embedding.previous[7]]
    expected = unit((np.stack(means) - embedding.mean) @ embedding.whitening)
    np.testing.assert_allclose(embed_unseen(embedding, neighbours), expected, atol=1e-4)
    means[0] = np.average(embedding.previous[[3, 4, 4]], axis=0, weights=weights[0])
    expected = unit((np.stack(means) - embedding.mean) @ embedding.whitening)
    np.testing.assert_allclose(embed_unseen(embedding, neighbours, weights), expected, atol=1e-4)


def test_a_known_nodes_hyperedges_give_back_its_vector():
    generator = np.random.default_rng(2)
    nodes, edges = generator.integers(0, 40, 500), generator.integers(0, 120, 500)
    graph = build_hypergraph(nodes, edges, 40)
    result = embed(graph, np.arange(40), 16, 5, device="cpu")
    sizes, members = np.diff(graph.edge_start), np.split(graph.edge_nodes, graph.edge_start[1:-1])
    holding = [[j for j in range(graph.edges) if node in members[j]] for node in range(40)]
    neighbours = [np.concatenate([members[j] for j in js]) for js in holding]
    weights = [np.concatenate([np.full(sizes[j], 1 / sizes[j]) for j in js]) for js in holding]
    np.testing.assert_allclose(embed_unseen(result, neighbours, weights), result.vectors, atol=1e-3)


def test_unknown_ids_never_fail(embedding):
    result = embed_unseen(embedding, [np.array([], np.int64), np.array([-1, -5]), np.array([2])])
    assert not result[:2].any()
    assert np.linalg.norm(result[2]) == pytest.approx(1, abs=1e-5)
    assert embed_unseen(embedding, []).shape == (0, 16)


def test_neighbours_and_weights_that_are_none_are_refused(embedding):
    with pytest.raises(DataError, match="Neighbour 50 is out of range"):
        embed_unseen(embedding, [np.array([50])])
    for bad in (np.array([np.nan]), np.array([-1.0]), np.array([1.0, 2.0])):
        with pytest.raises(DataError, match="weights for 1 neighbours"):
            embed_unseen(embedding, [np.array([3])], [bad])


def test_an_embedding_without_its_last_step_says_so():
    graph = build_hypergraph(np.array([0, 1]), np.array([0, 0]), 2)
    result = embed(graph, ["a", "b"], 8, 2, keep_previous=False, device="cpu")
    with pytest.raises(SettingsError, match="keep_previous"):
        embed_unseen(result, [np.array([0])])
