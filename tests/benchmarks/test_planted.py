"""The planted cause as the benchmark reads it, against a walk over every visitor's events."""

import numpy as np
import pandas as pd

from benchmarks.quality.events import DAY, Events
from benchmarks.quality.planted import CALL, FAILED, WITHIN, causes, with_cause

KINDS = pd.Index([FAILED, CALL, "view"])


def drawn(seed: int) -> Events:
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, 6, 200))
    time = generator.integers(0, 60 * DAY, 200)
    time = time[np.lexsort((time, entity_index))]
    item = generator.integers(0, 3, 200)
    complete = np.ones(200, bool)
    return Events(pd.Index(range(6)), KINDS, KINDS, entity_index, time, item, item, complete, complete, {})


def test_a_call_soon_after_a_failed_payment_of_the_same_visitor_is_a_cause() -> None:
    events = drawn(0)
    expected, failed = [], {}
    for entity_index, moment, item in zip(events.entity_index, events.time, events.item, strict=True):
        expected.append(item == 1 and moment < failed.get(entity_index, -WITHIN) + WITHIN)
        if item == 0:
            failed[entity_index] = moment
    assert any(expected)
    np.testing.assert_array_equal(causes(events), expected)


def test_only_causes_before_the_cutoff_are_told() -> None:
    events = drawn(1)
    entity_index, cutoff = np.repeat(np.arange(6), 3), np.tile([5 * DAY, 30 * DAY, 61 * DAY], 6)
    described, there = with_cause(events, entity_index, cutoff), causes(events)
    for row, (who, moment) in enumerate(zip(entity_index, cutoff, strict=True)):
        current = np.flatnonzero((events.entity_index == who) & (events.time < moment))
        result = [row_index for row_index in current if there[row_index]]
        age = (moment - events.time[result[-1]]) / DAY if result else 1000
        assert described[row, 0] == np.float32(age)
        assert described[row, 2] == (current[-1] - result[-1] if result else 1000)
        assert described[row, 3] == len(current)
