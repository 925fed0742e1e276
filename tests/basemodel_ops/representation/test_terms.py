from dataclasses import replace

import numpy as np
import pytest

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.terms import term_frequencies

from .histories import plan


def of_items(entities: list[list[tuple[int, int]]]) -> History:
    """Entities as (day, item) pairs, ascending by day."""
    events = np.array([event for entity in entities for event in entity], np.int64).reshape(-1, 2)
    start = np.cumsum([0, *map(len, entities)]).astype(np.int64)
    return History(start, events[:, 0] * DAY, None, {"item": events[:, 1].astype(np.int32)}, {})


EVENTS = [[(1, 2), (2, 2), (5, 0)], [], [(1, -1), (3, 29), (3, 29)]]


@pytest.mark.parametrize("days", [(2, 6), (1, 1), (3, 9)])
def test_they_count_the_events_before_each_cutoff(days: tuple[int, int]) -> None:
    plans = [replace(plan(), vocabularies={"item": 30})]
    cutoffs = np.tile(np.array(days) * DAY, (3, 1))
    counted = term_frequencies([of_items(EVENTS)], plans, cutoffs).toarray()
    expected = np.zeros((3, 2, 30))
    for entity, events in enumerate(EVENTS):
        for number, cutoff in enumerate(days):
            for day, item in events:
                if item >= 0 and day < cutoff:
                    expected[entity, number, item] += 1
    np.testing.assert_allclose(counted, np.log1p(expected).reshape(6, 30), rtol=1e-6)


def test_cutoffs_are_those_of_each_entity() -> None:
    plans = [replace(plan(), vocabularies={"item": 30})]
    counted = term_frequencies([of_items(EVENTS)], plans, np.array([[2], [9], [4]]) * DAY).toarray()
    assert np.flatnonzero(counted).tolist() == [2, 2 * 30 + 29]


def test_sources_stand_side_by_side_and_may_count_no_item() -> None:
    history, cutoffs = of_items(EVENTS), np.full((3, 1), 9 * DAY)
    counting = replace(plan(), vocabularies={"item": 30})
    alone = term_frequencies([history], [counting], cutoffs).toarray()
    both = term_frequencies([history] * 3, [counting, plan(), counting], cutoffs)
    np.testing.assert_array_equal(both.toarray(), np.hstack([alone, alone]))
    assert term_frequencies([history], [plan()], cutoffs).shape == (3, 0)
