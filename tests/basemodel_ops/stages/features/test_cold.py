"""Vectors from facts, against the mean of means written out."""

import numpy as np
import pyarrow as pa

from basemodel_ops.cleora import build_hypergraph, embed
from basemodel_ops.encoders import fit_encoder
from basemodel_ops.stages.features.cold import NeighbourGroups, embed_cold_items, nearest_text_groups


def test_a_cold_item_takes_the_mean_of_its_groups_the_rarer_the_more() -> None:
    generator = np.random.default_rng(0)
    nodes = 40
    graph = build_hypergraph(generator.integers(0, 30, 300), generator.integers(0, 60, 300), nodes)
    result = embed(graph, [str(i) for i in range(nodes)], 8, 3)
    attributes = [generator.integers(-1, 4, nodes), generator.integers(-1, 9, nodes)]
    connected = graph.connected
    got = embed_cold_items(result, [NeighbourGroups.by_value(codes) for codes in attributes], connected)
    cold = np.flatnonzero(~connected)
    assert len(got) == len(cold) >= 10
    for vector, item in zip(got, cold, strict=True):
        means, weights = [], []
        for codes in attributes:
            members = np.flatnonzero((codes == codes[item]) & connected) if codes[item] >= 0 else []
            if len(members):
                means.append(result.previous[members].mean(axis=0))
                weights.append(1 / len(members))
        if not means:
            assert not vector.any()
            continue
        mean = np.average(means, axis=0, weights=weights)
        expected = (mean - result.mean) @ result.whitening
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_the_nearest_texts_are_neighbours() -> None:
    names = [f"red wine {i}" for i in range(12)] + [f"frozen pizza {i}" for i in range(12)]
    values = pa.array([*names, "red wine from France", None, "frozen pizza with ham"])
    counts = np.array([5] * 24 + [0, 0, 0])
    neighbour_group = nearest_text_groups(values, fit_encoder("text", [values], static=False), counts)
    assert neighbour_group.group[25] == -1
    assert set(neighbour_group.members[neighbour_group.group[24]].indices) <= set(range(12))
    assert set(neighbour_group.members[neighbour_group.group[26]].indices) <= set(range(12, 24))
    assert (neighbour_group.group[:24] == -1).all()


def test_without_attributes_or_without_cold_items_there_is_nothing_to_take() -> None:
    graph = build_hypergraph(np.array([0, 1, 1]), np.array([0, 0, 1]), 3)
    result = embed(graph, ["a", "b", "c"], 4, 1)
    assert not embed_cold_items(result, [], graph.connected).any()
    assert embed_cold_items(result, [NeighbourGroups.by_value(np.array([0, 0, 0]))], np.ones(3, bool)).shape == (0, 4)
