"""Shards of histories from several sources, against plain rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.errors import DataError
from basemodel_ops.representation import Events, stream_histories
from tests.basemodel_ops.representation.streams import random_source


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 10), st.integers(1, 40), st.integers(1, 40))
def test_shards_hold_every_event_of_every_source_once(seed, shard, rows, other_rows):
    (reader, entry), (_, other) = random_source(seed), random_source(seed + 1, events=30)
    sources = [
        reader.read(entry.select(reader.columns).to_batches(rows)),
        reader.read(other.select(reader.columns).to_batches(other_rows)),
    ]
    firsts, result = [], [[], []]
    for first, histories in stream_histories(sources, 7, shard):
        firsts.append(first)
        for rows_of, history in zip(result, histories, strict=True):
            assert history.start[0] == 0
            assert history.start[-1] == len(history.time)
            entity_index = np.repeat(np.arange(first, first + history.entities), np.diff(history.start))
            columns = [entity_index * 10, history.time, history.numbers["price"], history.item_ids["item.type"]]
            rows_of += list(zip(*(column.tolist() for column in columns), strict=True))
            assert history.session is not None
    assert firsts == list(range(0, 7, shard))
    kind = {3: 1, 1: 0, 4: 1, 5: 0}
    for rows_of, table in zip(result, (entry, other), strict=True):
        items = [kind.get(value, -1) for value in table["item"].to_pylist()]
        expected = zip(
            table["client"].to_pylist(), table["at"].cast("int64").to_pylist(), table["price"].to_pylist(), items,
            strict=True,
        )  # fmt: skip
        assert rows_of == list(expected)


def test_sources_without_events_have_empty_histories():
    shards = list(stream_histories([iter([])], 5, 2))
    assert [first for first, _ in shards] == [0, 2, 4]
    assert [histories[0].start.tolist() for _, histories in shards] == [[0, 0, 0], [0, 0, 0], [0, 0]]


def test_disorder_and_foreign_rows_are_named():
    def source(entity_index, time):
        return iter([Events(np.array(entity_index, np.int32), np.array(time, np.int64))])

    for entity_index, time in (([1, 0], [0, 0]), ([0, 0], [1, 0])):
        with pytest.raises(DataError, match="order of entity and time"):
            list(stream_histories([source(entity_index, time)], 3, 3))
    late = (part for entry in ([1], [0]) for part in source(entry, [0]))
    with pytest.raises(DataError, match="order of entity and time"):
        list(stream_histories([late], 3, 3))
    with pytest.raises(DataError, match="names entity 4"):
        list(stream_histories([source([0, 4], [0, 0])], 3, 3))
