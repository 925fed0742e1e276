"""Marginal relevance against a loop that names one item after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.tasks.diversity import diversified

ENTITIES, CANDIDATES, ITEMS = 5, 12, 30


def sample(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Candidates with scores, some repeated and some not to be named, and item vectors of length 1."""
    generator = np.random.default_rng(seed)
    items = np.sort(generator.integers(0, ITEMS, (ENTITIES, CANDIDATES)), axis=1)
    scores = generator.standard_normal((ENTITIES, CANDIDATES))
    scores[generator.random(scores.shape) < 0.2] = -np.inf
    scores[0] = -np.inf
    vectors = generator.standard_normal((ITEMS, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return items, scores, np.diff(items, axis=1, prepend=-1) != 0, vectors


def named(items: np.ndarray, scores: np.ndarray, vectors: np.ndarray, diversity: float, k: int) -> list[int]:
    """Places of the best k of one entity's candidates, by the formula of the paper."""
    row_indices = [row_index for row_index in range(len(items)) if np.isfinite(scores[row_index])]
    if not row_indices:
        return []
    least, best = min(scores[row_indices]), max(scores[row_indices])
    chosen: list[int] = []

    def worth(row_index: int) -> float:
        relevance = (scores[row_index] - least) / max(best - least, 1e-12)
        alike = max([0.0, *(float(vectors[items[row_index]] @ vectors[items[other]]) for other in chosen)])
        return (1 - diversity) * relevance - diversity * alike

    while len(chosen) < min(k, len(row_indices)):
        chosen.append(max((row_index for row_index in row_indices if row_index not in chosen), key=worth))
    return chosen


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 8))
def test_items_are_named_as_a_loop_names_them(seed: int, diversity: float, k: int) -> None:
    items, scores, is_first, vectors = sample(seed)
    result = diversified(items, scores, is_first, vectors, diversity, k)
    for entity in range(ENTITIES):
        expected = named(items[entity], np.where(is_first, scores, -np.inf)[entity], vectors, diversity, k)
        ranked = np.argsort(-result[entity], kind="stable")[: len(expected)]
        assert ranked.tolist() == expected
        assert (np.diff(result[entity][ranked]) <= 1e-9).all()
        assert np.isneginf(result[entity][~is_first[entity] | np.isneginf(scores[entity])]).all()


@pytest.mark.parametrize("seed", range(5))
def test_more_diversity_names_items_less_alike(seed: int) -> None:
    items, scores, is_first, vectors = sample(seed)
    likeness = []
    for diversity in (0.0, 1.0):
        result = diversified(items, scores, is_first, vectors, diversity, 4)[1:]
        best = np.take_along_axis(items[1:], np.argsort(-result, axis=1)[:, :4], axis=1)
        pairs = np.einsum("ead,ebd->eab", vectors[best], vectors[best])
        likeness.append(pairs[:, ~np.eye(4, dtype=bool)].mean())
    assert likeness[1] < likeness[0]
