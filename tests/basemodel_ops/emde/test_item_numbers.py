"""Sums, means and newest values by item against plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import item_numbers
from tests.basemodel_ops.emde.histories import random_events


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_numbers_of_each_item_equal_plain_sums_means_and_newest_values(seed: int) -> None:
    entity_index, time, codes, amounts = random_events(seed)
    generator = np.random.default_rng(seed)
    cells = np.stack([codes, np.where(codes < 0, -1, 9 + generator.integers(0, 3, len(codes)))], axis=1)
    values = np.stack([amounts - 2, np.where(codes == 0, np.nan, amounts)]).astype(np.float32)
    cutoffs, half_lives = np.array([-1.0, 3.0, 3.0, 12.25]), np.array([0.5, 9.0])
    start = np.searchsorted(entity_index, np.arange(7))
    result = item_numbers(start, time, cells.astype(np.int32), 12, values, cutoffs, half_lives)
    assert result.total.shape == result.mean.shape == (6, 4, 2, 2, 12)
    for entity in range(6):
        for c, cutoff in enumerate(cutoffs):
            for cell in range(12):
                seen = (entity_index == entity) & (time < cutoff) & (cells == cell).any(axis=1)
                weights = 2.0 ** (-(cutoff - time[seen])[:, None] / half_lives)
                total = (weights[:, :, None] * np.nan_to_num(values[:, seen].T)[:, None]).sum(axis=0)
                np.testing.assert_allclose(result.total[entity, c, :, :, cell], total, rtol=1e-4, atol=1e-5)
                weight = (weights[:, :, None] * np.isfinite(values[:, seen].T)[:, None]).sum(axis=0)
                mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
                np.testing.assert_allclose(result.mean[entity, c, :, :, cell], mean, rtol=1e-4, atol=1e-5)
                for number, known in enumerate(values[:, seen]):
                    newest = known[np.isfinite(known)][-1:].tolist() or [0]
                    assert result.last[entity, c, number, cell] == newest[0]
    for values in result:
        np.testing.assert_array_equal(values[:, 1], values[:, 2])


def test_a_mean_of_long_ago_stays_what_it_was() -> None:
    """Where the weight of all its values has become too small to be a number."""
    start, time = np.array([0, 3]), np.array([0.0, 1.0, 2.0])
    cells, values = np.zeros((3, 1), np.int32), np.array([[4.0, 6.0, 6.0]], np.float32)
    near, far = item_numbers(start, time, cells, 1, values, np.array([3.0, 1e7]), np.array([30.0, 1e9]))[1][0]
    np.testing.assert_allclose(far, near, rtol=1e-3)
    (alone,) = item_numbers(start, time, cells, 1, values, np.array([1e7]), np.array([30.0]))[1][0]
    assert 4 <= alone.item() <= 6
