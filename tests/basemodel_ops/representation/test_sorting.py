"""Sorting outside of memory equals sorting in plain Python, whatever the order of arrival."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import Events, sorted_events, sorting
from basemodel_ops.representation.events import concat
from tests.basemodel_ops.representation.streams import random_source


def rows_of(events):
    return list(zip(*(column.tolist() for column in events.columns()), strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 95), st.sampled_from([1, 7, 200]), st.sampled_from([3, 16]))
def test_any_order_of_arrival_gives_the_same_sorted_events(tmp_path_factory, seed, rows, entities, parts):
    reader, table = random_source(seed, entities=entities, ordered=False)
    directory = tmp_path_factory.mktemp("sorting")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "PARTS", parts)
        patch.setattr(sorting, "PART_ROWS", 20)  # divide ranges again
        events = concat(list(reader.read(table.select(reader.columns).to_batches(rows))))
        result = concat(list(sorted_events(reader.read(table.to_batches(rows)), entities, directory)))
        shuffled = table.take(np.random.default_rng(seed).permutation(len(table)))
        again = concat(list(sorted_events(reader.read(shuffled.to_batches(rows)), entities, directory)))
    assert sorted(rows_of(result)) == sorted(rows_of(events))
    keys = list(zip(result.entity_index.tolist(), result.time.tolist(), strict=True))
    assert keys == sorted(keys)
    assert rows_of(again) == rows_of(result)
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("times", [1, 50, 10**6])
def test_long_histories_are_sorted(times):
    generator = np.random.default_rng(0)
    time = generator.integers(0, times, 2000)
    events = Events(np.full(2000, 5, np.int32), time, None, {"item": generator.integers(0, 9, 2000).astype(np.int32)})
    result = sorting.sorted_in_memory(events, 5, 1)
    assert (np.diff(result.time) >= 0).all()
    assert sorted(rows_of(result)) == sorted(rows_of(events))
    again = sorting.sorted_in_memory(events.take(generator.permutation(2000)), 5, 1)
    assert rows_of(again) == rows_of(result)


def test_no_events_and_no_entities_give_nothing(tmp_path):
    assert list(sorted_events(iter([]), 5, tmp_path)) == []
    assert list(sorted_events(iter([]), 0, tmp_path)) == []
