"""Streams of events: the same bytes whatever the borders of batches and shards."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.emde import SketchStream, identity_codes, sketch_histories
from basemodel_ops.errors import DataError
from tests.basemodel_ops.emde.histories import random_events

WIDTH, LIVES = 8, np.array([0.5, 2.0, 9.0, 40.0, 365.0])
TABLE = identity_codes(np.arange(9, dtype=np.uint64), 3, WIDTH)
CUTOFFS = np.array([-1.0, 3.0, 7.5, 12.25, 29.0])


def streamed(events, borders, shard, entities=6, cutoffs=CUTOFFS):
    stream = SketchStream(entities, TABLE, WIDTH, cutoffs, LIVES, shard)
    edges = [0, *sorted(borders), len(events[0])]
    shards = []
    for low, high in pairwise(edges):
        shards += stream.add(*(part[low:high] for part in events))
    shards += stream.finish()
    assert [one.first for one in shards] == list(range(0, entities, shard))
    return np.concatenate([one.values for one in shards])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000), st.lists(st.integers(0, 80), max_size=40), st.integers(1, 9), st.sampled_from([1, 3, 40])
)
def test_bytes_do_not_depend_on_borders(seed, borders, shard, busy):
    events = random_events(seed, entities=busy)
    owner, time, codes, weights = events
    entities = busy + 2  # the last two have no events
    start = np.searchsorted(owner, np.arange(entities + 1))
    whole = sketch_histories(start, time, codes, TABLE, WIDTH, CUTOFFS, LIVES, weights)
    assert streamed(events, borders, shard, entities).tobytes() == whole.tobytes()


def test_one_event_a_batch_equals_one_batch():
    events = random_events(1, entities=3)
    one = streamed(events, range(1, 80), 2, 3)
    assert one.tobytes() == streamed(events, [], 3, 3).tobytes()


def test_no_events_give_zeros():
    stream = SketchStream(5, TABLE, WIDTH, CUTOFFS, LIVES, 2)
    assert list(stream.add(np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.int32))) == []
    assert [(one.first, one.values.any()) for one in stream.finish()] == [(0, False), (2, False), (4, False)]


@pytest.mark.parametrize(
    ("owner", "time", "says"),
    [
        ([1, 0], [0.0, 0.0], "not in the order"),
        ([0, 0], [1.0, 0.5], "not in the order"),
        ([0, 9], [0.0, 0.0], "0 to 5"),
    ],
)
def test_disorder_is_named(owner, time, says):
    stream = SketchStream(6, TABLE, WIDTH, CUTOFFS, LIVES)
    with pytest.raises(DataError, match=says):
        list(stream.add(np.array(owner), np.array(time), np.zeros(2, np.int32)))


@pytest.mark.parametrize(("owner", "time"), [(1, 9.0), (2, 0.5)])
def test_disorder_between_batches_is_named(owner, time):
    stream = SketchStream(6, TABLE, WIDTH, CUTOFFS, LIVES)
    list(stream.add(np.array([0, 2]), np.array([0.0, 1.0]), np.zeros(2, np.int32)))
    with pytest.raises(DataError, match="before the end of the batch"):
        list(stream.add(np.array([owner]), np.array([time]), np.zeros(1, np.int32)))
