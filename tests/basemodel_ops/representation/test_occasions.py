"""What happened at once, by hand."""

import numpy as np

from basemodel_ops.representation.events import NO_SESSION
from basemodel_ops.representation.occasions import occasions


def test_a_session_is_one_occasion_and_moments_are_without_sessions() -> None:
    owner = np.array([0, 0, 0, 0, 1, 1, 1])
    time = np.array([1, 1, 2, 3, 3, 3, 4])
    assert occasions(owner, time).tolist() == [0, 0, 1, 2, 3, 3, 4]
    session = np.array([7, 8, 8, 8, 8, NO_SESSION, NO_SESSION])
    assert occasions(owner, time, session).tolist() == [0, 1, 1, 1, 2, 2, 3]
    assert occasions(owner[:0], time[:0]).tolist() == []
