"""What happened at once, by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from basemodel_ops.representation.events import NO_SESSION
from basemodel_ops.representation.sessions import once_per_session, session_indices


def test_a_session_is_one_step_and_moments_are_without_sessions() -> None:
    entity_index = np.array([0, 0, 0, 0, 1, 1, 1])
    time = np.array([1, 1, 2, 3, 3, 3, 4])
    assert session_indices(entity_index, time).tolist() == [0, 0, 1, 2, 3, 3, 4]
    session = np.array([7, 8, 8, 8, 8, NO_SESSION, NO_SESSION])
    assert session_indices(entity_index, time, session).tolist() == [0, 1, 1, 1, 2, 2, 3]
    assert session_indices(entity_index[:0], time[:0]).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2), st.integers(-1, 1)), max_size=40))
def test_a_cell_is_there_once_per_session_where_it_came_first(events: list[tuple[int, int, int]]) -> None:
    """Against a set of what was seen; the two columns have cells of their own, as blocks have."""
    session = np.cumsum([step for step, _, _ in events]).astype(np.int64)
    first, second = (np.array([event[n] for event in events], np.int32) for n in (1, 2))
    cells = np.stack([first, np.where(second >= 0, second + 3, -1)], axis=1).astype(np.int32)
    seen: set[tuple[int, int]] = set()
    expected = []
    for number, row in zip(session.tolist(), cells.tolist(), strict=True):
        expected.append([cell if cell >= 0 and (number, cell) not in seen else -1 for cell in row])
        seen |= {(number, cell) for cell in row}
    assert once_per_session(cells, session, 5).tolist() == expected
