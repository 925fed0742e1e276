"""Transitions against a dense matrix filled by loops, similarities against ridge regressions."""

import numpy as np
import pytest

from basemodel_ops.tasks import relations
from basemodel_ops.tasks.relations import BACKWARD, GAPS, RIDGE, popular_ease_weights, transitions
from tests.basemodel_ops.foundation.test_retrieval import ITEMS, sequences


@pytest.mark.parametrize("seed", range(5))
def test_transitions_are_those_of_a_dense_matrix(seed: int) -> None:
    known = sequences(seed, entities=12)
    expected = np.zeros((ITEMS, ITEMS))
    for low, high in zip(known.start[:-1], known.start[1:], strict=True):
        for entry in range(low, high):
            for other in range(low, high):
                gap = known.session_index[other] - known.session_index[entry]
                if 1 <= gap <= GAPS:
                    expected[known.item[entry], known.item[other]] += 1 / gap
                    expected[known.item[other], known.item[entry]] += BACKWARD / gap
    expected /= np.sqrt(np.maximum(np.bincount(known.item, minlength=ITEMS), 1))[:, None]
    np.testing.assert_allclose(transitions(known, ITEMS).toarray(), expected, rtol=1e-4, atol=1e-6)


def test_too_many_pairs_leave_rare_items_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = sequences(0, entities=40)
    complete = transitions(known, ITEMS).toarray()
    monkeypatch.setattr(relations, "MOST_PRODUCTS", 200)
    result = transitions(known, ITEMS).toarray()
    kept = np.flatnonzero(result.any(axis=1))
    assert 0 < len(kept) < ITEMS
    np.testing.assert_allclose(result[np.ix_(kept, kept)], complete[np.ix_(kept, kept)], rtol=1e-5)
    count = np.bincount(known.item, minlength=ITEMS)
    assert count[kept].min() >= np.delete(count, kept).max()


def test_only_the_strongest_of_what_follows_an_item_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    known = sequences(1, entities=40)
    complete = transitions(known, ITEMS).toarray()
    monkeypatch.setattr(relations, "FOLLOWERS", 3)
    result = transitions(known, ITEMS).toarray()
    third = np.sort(complete, axis=1)[:, -3, None]
    assert (complete > 0).sum(axis=1).max() > 3
    np.testing.assert_allclose(result, np.where(complete >= third, complete, 0), rtol=1e-6)


def test_similarities_are_the_closed_form_of_ridge_without_the_item_itself() -> None:
    """Each column of EASE is a ridge regression of one item on all others."""
    known = sequences(3, entities=60)
    row_index, similarity = popular_ease_weights(known, ITEMS)
    items = np.flatnonzero(row_index >= 0)
    entity_index = np.repeat(np.arange(len(known.start) - 1), np.diff(known.start))
    counts = np.zeros((len(known.start) - 1, ITEMS))
    np.add.at(counts, (entity_index, known.item), 1)
    counts = np.log1p(counts)[:, items]
    for column in (0, 5):
        others = np.delete(np.arange(len(items)), column)
        left = counts[:, others]
        expected = np.linalg.solve(left.T @ left + RIDGE * np.eye(len(others)), left.T @ counts[:, column])
        np.testing.assert_allclose(similarity[others, column], expected, atol=1e-5)
        assert similarity[column, column] == 0


def test_nothing_known_relates_to_nothing() -> None:
    known = sequences(0, entities=0)
    assert transitions(known, 5).nnz == 0
    assert popular_ease_weights(known, 5)[1].shape == (0, 0)
