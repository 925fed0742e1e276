"""The refusal of what does not fit, with numbers."""

import numpy as np
import pytest

from basemodel_ops.cleora import build_hypergraph, embed, embed_stream
from basemodel_ops.cleora.memory import available, estimate
from basemodel_ops.errors import SettingsError


def test_an_embedding_that_does_not_fit_is_refused_with_numbers():
    graph = build_hypergraph(np.array([0, 1]), np.array([0, 0]), 100_000)
    with pytest.raises(SettingsError, match=r"needs 0.\d* GB and 0.1 GB are available: vectors 0.102 GB.*Lower"):
        embed(graph, np.arange(100_000), 256, 1, memory_limit=100_000_000, device="cpu")
    with pytest.raises(SettingsError, match="GB are available"):
        embed(graph, np.arange(100_000), 10**9, 1, device="cpu")


def test_a_chunk_that_does_not_fit_is_refused():
    nodes = np.arange(1000)
    with pytest.raises(SettingsError, match="a chunk of incidences"):
        embed_stream(lambda: iter([(nodes, nodes)]), nodes, 8, 1, memory_limit=100_000, device="cpu")


def test_the_estimate_counts_both_matrices_and_grows_with_threads():
    need = estimate(1000, 64, threads=2, keeps_previous=True)
    assert need["vectors"] == need["vectors before the last step"] == 4 * 1000 * 64
    assert sum(estimate(1000, 64, 4).values()) > sum(need.values()) > sum(estimate(1000, 64, 2, False).values())


def test_some_memory_is_available():
    assert available() > 1_000_000
