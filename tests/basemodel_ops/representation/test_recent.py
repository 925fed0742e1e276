"""The newest events against a plain loop over events, and what is usual against a counter."""

from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.recent import EVENTS, MINUTE, RAREST, profile_values, recent_specs, recent_values
from basemodel_ops.representation.scalars import ABSENT_DAYS

ENTITIES = 5


def sample(seed: int, events: int) -> History:
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, ENTITIES, events))
    time = generator.integers(0, 40 * DAY, events)
    order = np.lexsort((time, entity_index))
    codes = {"item": generator.integers(-1, 6, events).astype(np.int32)}
    numbers = {"price": generator.choice([np.nan, 1.0, 7.5, -3.0], events).astype(np.float32)}
    return History(
        np.searchsorted(entity_index, np.arange(ENTITIES + 1)).astype(np.int64), time[order], None, codes, numbers
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_the_newest_events_are_those_of_a_plain_loop(seed: int, events: int) -> None:
    history, cutoffs = sample(seed, events), np.array([5, 20, 41]) * DAY
    result = recent_values(history, ["item"], ["price"], cutoffs)
    names = [(kind, int(detail)) for kind, _, _, detail, _ in recent_specs("source", ["item"], ["price"])]
    assert result.shape == (ENTITIES, len(cutoffs), len(names))
    for entity in range(ENTITIES):
        rows = range(history.start[entity], history.start[entity + 1])
        for column, cutoff in enumerate(cutoffs):
            before = [row for row in rows if history.time[row] < cutoff][::-1]
            for value, (kind, k) in zip(result[entity, column], names, strict=True):
                row = before[k - 1] if k <= len(before) else None
                newest = int(history.item_ids["item"][before[0]]) + 1 if before else 0
                if kind == "recent_gap":
                    until = cutoff if k == 1 else (history.time[before[k - 2]] if row is not None else 0)
                    minutes = (until - history.time[row]) / MINUTE if row is not None else ABSENT_DAYS * 24 * 60
                    assert value == pytest.approx(np.log1p(minutes), rel=1e-5)
                elif row is None:
                    assert value == 0
                elif kind == "recent_item":
                    assert value == history.item_ids["item"][row] + 1
                elif kind == "recent_same":
                    assert value == (history.item_ids["item"][row] + 1 == newest > 0)
                else:
                    price = float(np.nan_to_num(history.numbers["price"][row]))
                    assert value == pytest.approx(np.sign(price) * np.log1p(abs(price)), rel=1e-5)


def test_events_at_or_after_a_cutoff_change_nothing() -> None:
    history, cutoff = sample(3, 60), np.array([20 * DAY])
    future = history.time >= cutoff[0]
    codes, numbers = history.item_ids["item"].copy(), history.numbers["price"].copy()
    codes[future], numbers[future] = 0, 99
    other = History(history.start, history.time, None, {"item": codes}, {"price": numbers})
    np.testing.assert_array_equal(
        recent_values(history, ["item"], ["price"], cutoff), recent_values(other, ["item"], ["price"], cutoff)
    )
    assert future.any()


def test_cutoffs_of_each_entity_are_its_own() -> None:
    history = sample(4, 60)
    current = np.arange(ENTITIES)[:, None] * 7 * DAY + np.array([3, 9]) * DAY
    result = recent_values(history, ["item"], [], current)
    for entity in range(ENTITIES):
        shared = recent_values(history, ["item"], [], current[entity])
        np.testing.assert_array_equal(result[entity], shared[entity])


def test_rare_items_are_one_and_survive_half_precision() -> None:
    codes = np.array([RAREST - 2, RAREST + 5, 90_000], np.int32)
    history = History(np.array([0, 3]), np.arange(3) * DAY, None, {"item": codes}, {})
    result = recent_values(history, ["item"], [], np.array([9 * DAY]))[0, 0]
    assert result[EVENTS : EVENTS + 3].tolist() == [RAREST, RAREST, RAREST - 1]
    np.testing.assert_array_equal(result[EVENTS : EVENTS + 3].astype(np.float16), result[EVENTS : EVENTS + 3])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 1), max_size=12))
def test_what_is_usual_is_what_a_counter_says(entry: list[int], other: list[int]) -> None:
    counts = [np.bincount(values, minlength=size) for values, size in ((entry, 4), (other, 2))]
    side_by_side = np.concatenate(counts).astype(np.float32)[None, None]
    result = profile_values(side_by_side, [4, 2])[0, 0].reshape(2, -1)
    for values, (typical, share, distinct, entropy) in zip((entry, other), result, strict=True):
        counted = Counter(values)
        shares = [count / len(values) for count in counted.values()]
        assert share == pytest.approx(max(shares, default=0), abs=1e-5)
        assert distinct == len(counted)
        assert entropy == pytest.approx(-sum(p * log(p) for p in shares), abs=1e-4)
        if values:
            assert counted[int(typical) - 1] == max(counted.values())
        else:
            assert typical == 0
