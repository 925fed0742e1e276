"""Events that tests of the benchmark share."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.events import DAY, Events


@pytest.fixture(scope="session")
def events() -> Events:
    """Two owners: baskets at days 1, 1 and 5, and at day 3."""
    entity_index, day, basket = np.array([[0, 0, 0, 0, 1, 1], [1, 1, 1, 5, 3, 3], [0, 0, 1, 2, 3, 3]])
    names = pd.Index(range(4))
    is_first = np.append(True, np.diff(basket) != 0)
    spent = {"spent": np.array([1.0, 2, 4, 8, 16, 32])}
    return Events(pd.Index([0, 1]), names, names, entity_index, day * DAY, basket, basket, is_first, is_first, spent)
