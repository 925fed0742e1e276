"""What a sketch answers, against the history it was made from."""

import numpy as np
import pytest

from basemodel_ops.emde import (
    decoded_counts,
    effective_age,
    identity_codes,
    item_scores,
    query_sketch,
    sketch_histories,
)

DEPTH, WIDTH, VOCABULARY = 10, 128, 5000
TABLE = identity_codes(np.random.default_rng(0).integers(0, 2**63, VOCABULARY).astype(np.uint64), DEPTH, WIDTH)
HALF_LIVES = np.array([7.0, 365.0])


def history(seed, distinct=40, events=200):
    """Elements and their times; sketch at day 100 and true decayed counts (half-lives, vocabulary)."""
    generator = np.random.default_rng(seed)
    known = generator.choice(VOCABULARY, distinct, replace=False)
    items = generator.choice(known, events).astype(np.int32)
    time = np.sort(generator.uniform(0, 100, events))
    sketch = sketch_histories(np.array([0, events]), time, items, TABLE, WIDTH, np.array([100.0]), HALF_LIVES)[0, 0]
    true = np.stack([np.bincount(items, 2.0 ** (-(100 - time) / life), VOCABULARY) for life in HALF_LIVES])
    return sketch.reshape(len(HALF_LIVES), DEPTH, WIDTH), true, items, time


def smallest_cells(sketch):
    """Smallest cell of each element: its decayed count and what shares that cell."""
    return np.min([row[cells] for row, cells in zip(sketch, TABLE.T, strict=True)], axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_decoding_finds_what_is_there_and_how_much(seed):
    sketch, true, _, _ = history(seed)
    counts = decoded_counts(sketch[1], TABLE)
    there = true[1] > 0
    top = np.argsort(-counts)[: there.sum()]
    assert there[top].mean() >= 0.9
    naive = np.abs(smallest_cells(sketch[1]) - true[1])
    assert np.abs(counts - true[1]).sum() < naive.sum()
    np.testing.assert_allclose(counts.sum(), true[1].sum(), rtol=0.02)


def test_the_smallest_cell_is_never_below_the_count():
    sketch, true, _, _ = history(7)
    assert (smallest_cells(sketch[1]) >= true[1] * (1 - 1e-5)).all()


@pytest.mark.parametrize("seed", range(3))
def test_answers_tell_present_from_absent(seed):
    sketch, true, _, _ = history(seed)
    answers = query_sketch(sketch, TABLE, HALF_LIVES, np.arange(VOCABULARY))
    there = true[1] > 0
    assert answers.probability[there].mean() > 0.8
    assert answers.probability[~there].mean() < 0.01
    assert 0 < answers.chance < 0.2
    assert (answers.probability <= 1).all()
    assert np.isnan(answers.age[answers.count == 0]).all()


def test_one_event_has_its_exact_age_and_weight():
    sketch = sketch_histories(
        np.array([0, 1]), np.array([58.0]), np.array([3], np.int32), TABLE, WIDTH, np.array([100.0]), HALF_LIVES,
        np.array([5.0]),
    )[0, 0].reshape(2, DEPTH, WIDTH)  # fmt: skip
    answers = query_sketch(sketch, TABLE, HALF_LIVES, np.array([3, 4]))
    assert answers.age[0] == pytest.approx(42, abs=0.01)
    assert answers.count[0] == pytest.approx(5 * 2 ** (-42 / 365), rel=1e-4)
    assert answers.probability[0] > 0.5
    assert answers.probability[1] == 0
    assert np.isnan(answers.age[1])


def test_ages_lie_between_the_newest_and_the_oldest_event():
    sketch, true, items, time = history(3, distinct=10)
    present = np.flatnonzero(true[1] > 0)
    answers = query_sketch(sketch, TABLE, HALF_LIVES, present)
    for item, age in zip(present, answers.age, strict=True):
        ages = 100 - time[items == item]
        assert ages.min() * 0.9 - 1 <= age <= ages.max() * 1.1 + 1


def test_an_empty_sketch_holds_nothing():
    empty = np.zeros((2, DEPTH, WIDTH), np.float32)
    answers = query_sketch(empty, TABLE, HALF_LIVES, np.arange(10))
    assert not answers.probability.any()
    assert not answers.count.any()
    assert np.isnan(answers.age).all()
    assert answers.chance == 0


def test_scores_are_logs_of_geometric_means():
    sketch = np.random.default_rng(0).random((DEPTH, WIDTH))
    shares = sketch / sketch.sum(axis=1, keepdims=True)
    expected = [np.log(np.prod(shares[np.arange(DEPTH), TABLE[e]] + 1e-6)) / DEPTH for e in range(20)]
    np.testing.assert_allclose(item_scores(sketch, TABLE[:20]), expected, rtol=1e-5)


def test_no_mass_has_no_age():
    assert np.isnan(effective_age(np.zeros(1), np.ones(1), (7.0, 365.0))).all()


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_that_explain_the_cells_best(seed: int) -> None:
    """Richardson-Lucy in matrices, and what the whole answer says of the longest half-life."""
    sketch, true, _, _ = history(seed)
    prior = np.random.default_rng(seed).random(VOCABULARY)
    result = decoded_counts(sketch[1], TABLE, prior)
    np.testing.assert_array_equal(result, query_sketch(sketch, TABLE, HALF_LIVES, np.arange(VOCABULARY), prior).count)
    depth, width = sketch[1].shape
    onto = np.zeros((depth * width, VOCABULARY))
    onto[TABLE.astype(np.int64) + np.arange(depth) * width, np.arange(VOCABULARY)[:, None]] = 1
    there = (onto.T @ (sketch[1].ravel() > 0)) == depth
    onto, cells = onto[:, there], sketch[1].ravel().astype(np.float64)
    guess = np.exp((onto.T @ np.log(np.maximum(cells, 1e-300))) / depth)
    guess *= prior[there] + 1e-3 * prior[there].max()
    guess *= (onto.T @ cells).sum() / (guess.size * depth) / guess.mean()
    for _ in range(50):
        guess *= onto.T @ (cells / np.maximum(onto @ guess, 1e-300)) / depth
    np.testing.assert_allclose(result[there], guess, rtol=1e-8)
    assert not result[~there].any()
    assert (result[true[1] > 0] > 0).all()
