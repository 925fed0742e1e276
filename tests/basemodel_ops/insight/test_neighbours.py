"""Neighbours are those that a plain sort of all cosines finds, whatever the blocks."""

import numpy as np
import pytest

from basemodel_ops.insight.neighbours import Directions, nearest


def plain(embeddings: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours and cosines by the formula, one entity at a time."""
    kept = embeddings.astype(np.float64)
    scaled = (kept - kept.mean(axis=0)) / np.sqrt(kept.std(axis=0))
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    result, cosines = [], []
    for row, entry in enumerate(unit):
        cosine = unit @ entry
        cosine[row] = -np.inf
        order = np.argsort(-cosine, kind="stable")[:k]
        result.append(order)
        cosines.append(cosine[order])
    return np.array(result), np.array(cosines)


def together(*arguments, **sizes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, result, cosines = zip(*nearest(*arguments, **sizes), strict=True)
    return np.concatenate(rows), np.concatenate(result), np.concatenate(cosines)


@pytest.fixture
def embeddings() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(157, 12)) * np.geomspace(9, 0.1, 12)).astype(np.float16)


@pytest.mark.parametrize(("queries", "candidates"), [(1024, 8192), (10, 7), (157, 40), (1, 157)])
@pytest.mark.parametrize("k", [1, 10, 60])
def test_they_are_exact_in_blocks_of_any_size(embeddings: np.ndarray, k: int, queries: int, candidates: int) -> None:
    rows, result, cosines = together(Directions(embeddings), k, queries=queries, candidates=candidates)
    expected, similarity = plain(embeddings, k)
    assert np.array_equal(rows, np.arange(157))
    np.testing.assert_allclose(cosines, similarity, atol=1e-5)
    # Float32 may swap two that are as near as makes no difference.
    assert (result == expected).mean() > 0.99


def test_more_neighbours_than_there_are_entities_are_all_others(embeddings: np.ndarray) -> None:
    _, result, _ = together(Directions(embeddings[:5]), 99, candidates=2)
    assert [sorted(row) for row in result.tolist()] == [[i for i in range(5) if i != row] for row in range(5)]


@pytest.mark.parametrize("candidates", [2, 3, 100])
def test_of_equally_near_ones_the_first_comes_first(candidates: int) -> None:
    twice = np.repeat(np.array([[1, 0], [0, 1], [-1, -1]], np.float16), 4, axis=0)
    _, result, cosines = together(Directions(twice), 5, candidates=candidates)
    assert result[0, :3].tolist() == [1, 2, 3]
    assert result[5, :3].tolist() == [4, 6, 7]
    assert np.allclose(cosines[:, :3], 1)
    assert (np.diff(result[0, 3:]) > 0).all()


def test_one_entity_has_no_neighbour_and_none_have_none() -> None:
    for count in (0, 1):
        directions = Directions(np.ones((count, 3), np.float16))
        assert list(nearest(directions, 3)) == []
        assert directions.is_flat


def test_equal_embeddings_have_no_direction() -> None:
    assert Directions(np.full((9, 4), 2.5, np.float16)).is_flat
    assert not Directions(np.eye(3, dtype=np.float16)).is_flat


def test_a_few_are_asked_about_alone(embeddings: np.ndarray) -> None:
    rows, result, _ = together(Directions(embeddings), 4, np.array([150, 3]))
    assert rows.tolist() == [150, 3]
    assert result.tolist() == together(Directions(embeddings), 4)[1][[150, 3]].tolist()
