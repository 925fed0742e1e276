"""The hand-made ranker: its visits against loops, its lessons counted, and a planted habit that it finds."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.events import DAY, Events
from benchmarks.quality.hand_ranker import NEVER, HandRanker, Pairs, _training_pairs, _visits, pairs_at

OWNERS, ITEMS, CUTOFF = 40, 25, 100 * DAY


@pytest.fixture(scope="module")
def events() -> Events:
    generator = np.random.default_rng(1)
    size = 1500
    entity_index = np.sort(generator.integers(0, OWNERS, size))
    time = generator.integers(0, 120, size) * DAY
    order = np.lexsort((time, entity_index))
    item = (generator.integers(0, ITEMS, size) // 2) * 2  # odd items are never had
    none = np.full(size, -1)
    entities, items = (pd.Index([f"{kind} {n}" for n in range(count)]) for kind, count in (("e", OWNERS), ("i", ITEMS)))
    return Events(entities, items, pd.Index([]), entity_index, time[order], item, none, none == 0, none == 0, {})


def test_days_since_and_between_visits_are_those_of_a_loop(events: Events) -> None:
    entity_index, items = np.array([3, 0, 17]), np.array([2, 4, 5, 20])
    newest, gap = _visits(events, entity_index, CUTOFF, items)
    for row, who in enumerate(entity_index):
        for column, what in enumerate(items):
            chosen = (events.entity_index == who) & (events.item == what) & (events.time < CUTOFF)
            days = sorted((CUTOFF - events.time[chosen]) / DAY)
            assert newest[row, column] == (days[0] if days else NEVER)
            assert gap[row, column] == ((days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else NEVER)


def test_a_ranker_learns_every_item_taken_and_few_of_the_others() -> None:
    items = np.tile(np.arange(100), (6, 1))
    truth = [np.array([1, 99]), np.array([], int), *[np.array([row]) for row in range(4)]]
    pairs = Pairs(items, np.zeros((6, 100, 2), np.float32), np.ones(items.shape, bool), items < 0)
    _, taken, entity = _training_pairs(pairs, truth, np.random.default_rng(0))
    assert np.bincount(entity, minlength=6).tolist() == [62, 0, 61, 61, 61, 61]
    assert np.bincount(entity, weights=taken, minlength=6).tolist() == [2, 0, 1, 1, 1, 1]


def test_a_habit_is_ranked_first(events: Events) -> None:
    entity_index, items = np.arange(OWNERS), np.arange(ITEMS)
    generator = np.random.default_rng(2)
    habit = generator.random((OWNERS, ITEMS)).astype(np.float32)
    scores = {"popularity": np.broadcast_to(generator.random(ITEMS).astype(np.float32), habit.shape), "personal": habit}
    pairs = pairs_at(events, entity_index, CUTOFF, scores, items, np.zeros(habit.shape, bool))
    assert pairs.is_first.sum(axis=1).tolist() == [ITEMS] * OWNERS
    truth = [np.argsort(-row)[:3] for row in habit]
    ranked = HandRanker([(pairs, truth)] * 4, seed=0, quick=True).rank(pairs, np.ones(pairs.items.shape, bool), k=5)
    result = np.mean([np.isin(chosen, best).mean() for chosen, best in zip(truth, ranked, strict=True)])
    assert result > 0.8
