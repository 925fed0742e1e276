"""Positions against a plain search."""

import numpy as np

from basemodel_ops.representation import History


def test_positions_count_events_strictly_before():
    generator = np.random.default_rng(0)
    entity_index = np.sort(generator.integers(0, 5, 60))
    time = generator.integers(0, 10, 60)[np.lexsort((generator.integers(0, 10, 60), entity_index))]
    time = time[np.lexsort((time, entity_index))]
    start = np.searchsorted(entity_index, np.arange(6))
    moments = np.array([-1, 0, 4, 20])
    result = History(start, time, None, {}, {}).positions(moments)
    for entity in range(5):
        for m, moment in enumerate(moments):
            assert result[entity, m] - start[entity] == ((entity_index == entity) & (time < moment)).sum()
