"""Ranks among all items by hand, and references against plain loops."""

import numpy as np
import pytest

from basemodel_ops.foundation.retrieval import Sequences
from benchmarks.quality.sequences import References, gains, places_of

HISTORIES = [np.array([0, 1, 2, 0]), np.array([3, 1]), np.array([2, 4, 1, 3])]


@pytest.fixture(scope="module")
def references() -> References:
    start = np.cumsum([0, *(len(current) for current in HISTORIES)])
    item = np.concatenate(HISTORIES)
    vectors = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    return References.fit(Sequences(start, item, np.arange(len(item))), vectors, penalty=1.0)


def test_a_place_counts_the_items_ahead_and_leaves_out_those_had() -> None:
    scores = np.array([[5.0, 4, 3, 2, 1], [1, 2, 3, 4, 5]])
    truth = np.array([3, 1])
    assert places_of(scores, truth, None).tolist() == [3, 3]
    assert places_of(scores, truth, [np.array([0, 0, 4]), np.array([2, 3])]).tolist() == [2, 1]


def test_a_gain_is_discounted_by_its_place_and_none_after_the_tenth() -> None:
    result = gains(np.array([0, 2, 9, 10, -1]))
    assert result["hr_10"].tolist() == [1, 1, 1, 0, 0]
    np.testing.assert_allclose(result["ndcg_10"], [1, 0.5, 1 / np.log2(11), 0, 0])


def test_references_count_what_loops_count(references: References) -> None:
    markov, windows = np.zeros((5, 5)), np.zeros((5, 5))
    for current in HISTORIES:
        for entry in range(len(current)):
            for other in range(entry + 1, min(entry + 6, len(current))):
                gap = other - entry
                markov[current[entry], current[other]] += gap == 1
                windows[current[entry], current[other]] += 1 / gap
                windows[current[other], current[entry]] += 0.5 / gap
    windows /= np.sqrt(np.maximum(references.popularity, 1))[:, None]
    result = dict(references.scores(HISTORIES))
    for row, current in enumerate(HISTORIES):
        np.testing.assert_allclose(result["last-item Markov"][row], markov[current[-1]], atol=1e-5)
        faded = sum((0.5 ** (back / 3) * windows[item] for back, item in enumerate(current[::-1])), np.zeros(5))
        np.testing.assert_allclose(result["window transitions, half-life 3"][row], faded, atol=1e-4)
    assert np.diag(references.ease).tolist() == [0] * 5
