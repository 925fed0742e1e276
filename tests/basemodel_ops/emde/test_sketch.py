"""Sketches against dictionaries of counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import (
    DensityLSH,
    decayed_counts,
    identity_codes,
    item_scores,
    last_seen,
    pooled_vectors,
    window_counts,
)


def random_history(seed, entities=4, events=60, size=7):
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, entities, events))
    time = generator.integers(0, 30, events) * 0.5
    order = np.lexsort((time, entity_index))
    start = np.searchsorted(entity_index, np.arange(entities + 1))
    cells = generator.integers(-1, size, (events, 2)).astype(np.int32)
    return start, time[order], cells


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_counts_equal_a_dictionary(seed):
    start, time, cells = random_history(seed)
    cutoffs, half_lives, spans = np.array([3.0, 7.5, 12.0]), np.array([2.0, 9.0]), np.array([1.0, 4.0])
    decayed = decayed_counts(start, time, cells, 7, cutoffs, half_lives)
    windows = window_counts(start, time, cells, 7, cutoffs, spans)
    seen = last_seen(start, time, cells, 7, cutoffs)
    for entity in range(4):
        for c, cutoff in enumerate(cutoffs):
            history, future, last = np.zeros((2, 7)), np.zeros((2, 7)), np.full(7, -np.inf)
            for event in range(start[entity], start[entity + 1]):
                for cell in cells[event][cells[event] >= 0]:
                    if time[event] < cutoff:
                        history[:, cell] += 2.0 ** (-(cutoff - time[event]) / half_lives)
                        last[cell] = time[event]
                    future[:, cell] += (time[event] >= cutoff) & (time[event] < cutoff + spans)
            np.testing.assert_allclose(decayed[entity, c], history, rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(windows[entity, c], future)
            np.testing.assert_array_equal(seen[entity, c], last)


def test_an_event_at_the_cutoff_is_future_not_history():
    start, time, cells = np.array([0, 1]), np.array([5.0]), np.array([[0]], np.int32)
    assert decayed_counts(start, time, cells, 1, np.array([5.0]), np.array([1.0])).sum() == 0
    assert window_counts(start, time, cells, 1, np.array([5.0]), np.array([1.0])).sum() == 1
    assert window_counts(start, time, cells, 1, np.array([4.0]), np.array([1.0])).sum() == 0


def test_pooled_vectors_are_decayed_sums():
    start, time = np.array([0, 2]), np.array([0.0, 1.0])
    vectors = np.eye(2, dtype=np.float32)
    pooled = pooled_vectors(start, time, np.array([0, 1], np.int32), vectors, np.array([2.0]), np.array([1.0]))
    np.testing.assert_allclose(pooled[0, 0, 0], [0.25, 0.5])


def test_a_sketch_ranks_what_it_contains_first():
    codes = identity_codes(np.random.default_rng(0).integers(0, 2**63, 500).astype(np.uint64), 10, 128)
    sketch = np.zeros((10, 128))
    for item in range(10):
        sketch[np.arange(10), codes[item]] += 1 + item
    top = np.argsort(-item_scores(sketch, codes))[:10]
    assert len(set(top) & set(range(10))) >= 9


def test_density_codes_split_at_the_median_and_refuse_odd_widths():
    vectors = np.random.default_rng(0).standard_normal((4096, 8))
    codes = DensityLSH.fit(vectors, 3, 8, seed=0).encode(vectors)
    assert codes.min() == 0
    assert codes.max() == 7
    for bit in range(3):
        np.testing.assert_allclose(((codes >> bit) & 1).mean(axis=0), 0.5, atol=0.01)
    with pytest.raises(ValueError, match="power of two"):
        DensityLSH.fit(vectors, 3, 100, seed=0)
