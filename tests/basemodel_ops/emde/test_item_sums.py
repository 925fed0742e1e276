"""Sums by item against sums in plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import decayed_item_sums
from tests.basemodel_ops.emde.histories import random_events


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_sums_of_each_item_equal_plain_sums(seed: int) -> None:
    entity_index, time, codes, amounts = random_events(seed)
    generator = np.random.default_rng(seed)
    cells = np.stack([codes, np.where(codes < 0, -1, 9 + generator.integers(0, 3, len(codes)))], axis=1)
    values = np.stack([amounts - 2, np.where(codes == 0, np.nan, amounts)]).astype(np.float32)
    cutoffs, half_lives = np.array([-1.0, 3.0, 3.0, 12.25]), np.array([0.5, 9.0])
    start = np.searchsorted(entity_index, np.arange(7))
    result = decayed_item_sums(start, time, cells.astype(np.int32), 12, values, cutoffs, half_lives)
    assert result.shape == (6, 4, 2, 2, 12)
    for entity in range(6):
        for c, cutoff in enumerate(cutoffs):
            for cell in range(12):
                seen = (entity_index == entity) & (time < cutoff) & (cells == cell).any(axis=1)
                weights = 2.0 ** (-(cutoff - time[seen])[:, None] / half_lives)
                expected = (weights[:, :, None] * np.nan_to_num(values[:, seen].T)[:, None]).sum(axis=0)
                np.testing.assert_allclose(result[entity, c, :, :, cell], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(result[:, 1], result[:, 2])
