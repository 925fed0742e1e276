"""Windows of adjacent occasions, against a dictionary filled by loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.cleora.windows import windows


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40), st.integers(1, 4))
def test_a_window_holds_the_events_of_adjacent_sessions(rows: list[tuple[int, int]], size: int) -> None:
    events = np.array(sorted(rows), int).reshape(-1, 2)
    entity_index = events[:, 0]
    session = np.unique(events, axis=0, return_inverse=True)[1].reshape(-1)
    expected = {}
    for entity in np.unique(entity_index):
        current = np.unique(session[entity_index == entity])
        for start in range(max(len(current) - size + 1, 1)):
            within = current[start : start + size]
            expected[int(within[0])] = sorted(np.flatnonzero(np.isin(session, within)).tolist())
    result: dict[int, list[int]] = {}
    for event, window in zip(*windows(entity_index, session, size), strict=True):
        result.setdefault(int(window), []).append(int(event))
    assert {window: sorted(members) for window, members in result.items()} == expected
