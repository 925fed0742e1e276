"""Moments of number columns against sums in plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import decayed_moments
from tests.basemodel_ops.emde.histories import random_events


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_moments_equal_plain_sums(seed):
    entity_index, time, codes, values = random_events(seed)
    values = np.where(codes < 0, np.nan, np.where(codes == 0, np.inf, values - 2)).astype(np.float32)
    cutoffs, half_lives = np.array([-1.0, 3.0, 12.25]), np.array([0.5, 9.0, 100.0])
    result = decayed_moments(np.searchsorted(entity_index, np.arange(7)), time, values, cutoffs, half_lives)
    for entity in range(6):
        for c, cutoff in enumerate(cutoffs):
            seen = (entity_index == entity) & (time < cutoff) & np.isfinite(values)
            weights = 2.0 ** (-(cutoff - time[seen])[:, None] / half_lives)
            np.testing.assert_allclose(result.total_weight[entity, c], weights.sum(axis=0), rtol=1e-5)
            total = (weights * values[seen][:, None]).sum(axis=0)
            np.testing.assert_allclose(result.total[entity, c], total, rtol=1e-4, atol=1e-5)
            if seen.any():
                assert result.last[entity, c] == values[seen][-1]
                np.testing.assert_allclose(result.mean[entity, c], total / weights.sum(axis=0), rtol=1e-4, atol=1e-5)
            else:
                assert np.isnan(result.last[entity, c])
                assert not result.mean[entity, c].any()
