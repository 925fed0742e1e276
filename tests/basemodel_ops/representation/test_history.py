"""Positions against a plain search."""

import numpy as np

from basemodel_ops.representation import History


def test_positions_count_events_strictly_before():
    generator = np.random.default_rng(0)
    owner = np.sort(generator.integers(0, 5, 60))
    time = generator.integers(0, 10, 60)[np.lexsort((generator.integers(0, 10, 60), owner))]
    time = time[np.lexsort((time, owner))]
    start = np.searchsorted(owner, np.arange(6))
    moments = np.array([-1, 0, 4, 20])
    found = History(start, time, None, {}, {}).positions(moments)
    for entity in range(5):
        for m, moment in enumerate(moments):
            assert found[entity, m] - start[entity] == ((owner == entity) & (time < moment)).sum()
