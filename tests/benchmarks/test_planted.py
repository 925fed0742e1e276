"""The planted cause as the benchmark reads it, against a walk over every visitor's events."""

import numpy as np
import pandas as pd

from benchmarks.quality.events import DAY, Events
from benchmarks.quality.planted import CALL, FAILED, WITHIN, causes, told_the_cause

KINDS = pd.Index([FAILED, CALL, "view"])


def drawn(seed: int) -> Events:
    generator = np.random.default_rng(seed)
    owner = np.sort(generator.integers(0, 6, 200))
    time = generator.integers(0, 60 * DAY, 200)
    time = time[np.lexsort((time, owner))]
    item = generator.integers(0, 3, 200)
    whole = np.ones(200, bool)
    return Events(pd.Index(range(6)), KINDS, KINDS, owner, time, item, item, whole, whole, {})


def test_a_call_soon_after_a_failed_payment_of_the_same_visitor_is_a_cause() -> None:
    events = drawn(0)
    expected, failed = [], {}
    for owner, moment, item in zip(events.owner, events.time, events.item, strict=True):
        expected.append(item == 1 and moment < failed.get(owner, -WITHIN) + WITHIN)
        if item == 0:
            failed[owner] = moment
    assert any(expected)
    np.testing.assert_array_equal(causes(events), expected)


def test_only_causes_before_the_cutoff_are_told() -> None:
    events = drawn(1)
    owner, cutoff = np.repeat(np.arange(6), 3), np.tile([5 * DAY, 30 * DAY, 61 * DAY], 6)
    told, there = told_the_cause(events, owner, cutoff), causes(events)
    for row, (who, moment) in enumerate(zip(owner, cutoff, strict=True)):
        own = np.flatnonzero((events.owner == who) & (events.time < moment))
        found = [place for place in own if there[place]]
        age = (moment - events.time[found[-1]]) / DAY if found else 1000
        assert told[row, 0] == np.float32(age)
        assert told[row, 2] == (own[-1] - found[-1] if found else 1000)
        assert told[row, 3] == len(own)
