"""Vectors from facts, against the mean of means written out."""

import numpy as np
import pyarrow as pa

from basemodel_ops.cleora import build_hypergraph, embed
from basemodel_ops.encoders import fit_encoder
from basemodel_ops.stages.features.cold import NeighbourGroups, embed_cold_items, nearest_text_groups


def test_a_cold_thing_takes_the_mean_of_its_groups_the_rarer_the_more() -> None:
    generator = np.random.default_rng(0)
    nodes = 40
    graph = build_hypergraph(generator.integers(0, 30, 300), generator.integers(0, 60, 300), nodes)
    found = embed(graph, [str(i) for i in range(nodes)], 8, 3)
    facts = [generator.integers(-1, 4, nodes), generator.integers(-1, 9, nodes)]
    connected = graph.connected
    got = embed_cold_items(found, [NeighbourGroups.by_value(codes) for codes in facts], connected)
    cold = np.flatnonzero(~connected)
    assert len(got) == len(cold) >= 10
    for vector, thing in zip(got, cold, strict=True):
        means, weights = [], []
        for codes in facts:
            members = np.flatnonzero((codes == codes[thing]) & connected) if codes[thing] >= 0 else []
            if len(members):
                means.append(found.previous[members].mean(axis=0))
                weights.append(1 / len(members))
        if not means:
            assert not vector.any()
            continue
        mean = np.average(means, axis=0, weights=weights)
        expected = (mean - found.mean) @ found.whitening
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_the_nearest_texts_are_kin() -> None:
    names = [f"red wine {i}" for i in range(12)] + [f"frozen pizza {i}" for i in range(12)]
    values = pa.array([*names, "red wine from France", None, "frozen pizza with ham"])
    counts = np.array([5] * 24 + [0, 0, 0])
    kin = nearest_text_groups(values, fit_encoder("text", [values], static=False), counts)
    assert kin.group[25] == -1
    assert set(kin.members[kin.group[24]].indices) <= set(range(12))
    assert set(kin.members[kin.group[26]].indices) <= set(range(12, 24))
    assert (kin.group[:24] == -1).all()


def test_without_facts_or_without_cold_things_there_is_nothing_to_take() -> None:
    graph = build_hypergraph(np.array([0, 1, 1]), np.array([0, 0, 1]), 3)
    found = embed(graph, ["a", "b", "c"], 4, 1)
    assert not embed_cold_items(found, [], graph.connected).any()
    assert embed_cold_items(found, [NeighbourGroups.by_value(np.array([0, 0, 0]))], np.ones(3, bool)).shape == (0, 4)
