"""Recommendation against a dense brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.tasks.metrics import ranking_metrics
from basemodel_ops.tasks.recommendation import (
    BASELINES,
    PERSONAL_HALF_LIFE,
    RECENT_DAYS,
    Evidence,
    choose_blend,
    gather_evidence,
    measure,
)

ENTITIES, CUTOFF = 6, 300 * DAY


def sample(seed: int, items: int = 40, events: int = 150) -> tuple[History, np.ndarray]:
    generator = np.random.default_rng(seed)
    owner = np.sort(generator.integers(0, ENTITIES, events))
    time = generator.integers(200, 320, events) * DAY
    order = np.lexsort((time, owner))
    codes = {"item": generator.integers(-1, items, events).astype(np.int32)}
    start = np.searchsorted(owner, np.arange(ENTITIES + 1)).astype(np.int64)
    vectors = generator.standard_normal((items, 4)).astype(np.float32)
    return History(start, time[order], None, codes, {}), vectors


def evidence(seed: int, items: int = 40, entities: np.ndarray | None = None) -> tuple[Evidence, np.ndarray]:
    history, vectors = sample(seed, items)
    chosen = np.arange(ENTITIES) if entities is None else entities
    return gather_evidence(history, "item", vectors, chosen, CUTOFF), vectors


def dense(seed: int, items: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Personal (entities, items), popular (items,) and close (entities, items), from a loop over events."""
    history, vectors = sample(seed, items)
    personal, popular = np.zeros((ENTITIES, items)), np.zeros(items)
    for entity in range(ENTITIES):
        for event in range(history.start[entity], history.start[entity + 1]):
            item, age = history.codes["item"][event], (CUTOFF - history.time[event]) / DAY
            if item >= 0 and age > 0:
                personal[entity, item] += 2 ** (-age / PERSONAL_HALF_LIFE)
                popular[item] += age < RECENT_DAYS
    query = personal @ vectors
    query /= np.maximum(np.linalg.norm(query, axis=1, keepdims=True), 1e-12)
    personal /= np.maximum(np.linalg.norm(personal, axis=1, keepdims=True), 1e-12)
    return personal, popular / max(popular.max(), 1), np.maximum(query @ vectors.T, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.tuples(st.floats(0, 1), st.floats(0.01, 1), st.floats(0, 1)))
def test_a_shortlist_ranks_as_all_items_would(seed: int, weights: tuple[float, float, float]) -> None:
    personal, popular, close = dense(seed)
    scores = weights[0] * personal + weights[1] * popular + weights[2] * close
    scores[:, popular == 0] = -np.inf  # what nobody had recently is not recommended
    found, vectors = evidence(seed)
    items, values = found.shortlist(vectors).rank(weights, 10)
    assert items.shape == values.shape
    best = -np.sort(-scores, axis=1)[:, : items.shape[1]]
    np.testing.assert_allclose(values, best, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(scores, items, axis=1), best, rtol=1e-4, atol=1e-5)
    assert all(len(set(row)) == len(row) for row in items)


def test_events_at_or_after_the_cutoff_count_for_nothing() -> None:
    history, vectors = sample(0)
    before = gather_evidence(history, "item", vectors, np.arange(ENTITIES), CUTOFF)
    codes = np.where(history.time >= CUTOFF, 0, history.codes["item"]).astype(np.int32)
    changed = History(history.start, history.time, None, {"item": codes}, {})
    after = gather_evidence(changed, "item", vectors, np.arange(ENTITIES), CUTOFF)
    np.testing.assert_array_equal(before.personal.toarray(), after.personal.toarray())
    np.testing.assert_array_equal(before.popularity, after.popularity)
    np.testing.assert_array_equal(before.query, after.query)


def test_chosen_entities_keep_their_evidence() -> None:
    everyone, vectors = evidence(0)
    some, _ = evidence(0, entities=np.array([4, 1]))
    items, scores = everyone.shortlist(vectors).rank((1, 0.1, 0.1), 5)
    some_items, some_scores = some.shortlist(vectors).rank((1, 0.1, 0.1), 5)
    np.testing.assert_array_equal(some_items, items[[4, 1]])
    np.testing.assert_allclose(some_scores, scores[[4, 1]])


@pytest.mark.parametrize("items", [1, 2, 7])
def test_a_small_catalogue_is_ranked_whole(items: int) -> None:
    found, vectors = evidence(0, items)
    ranked, _ = found.shortlist(vectors).rank((1, 0.1, 0.1), 20)
    assert np.sort(ranked, axis=1).tolist() == [list(range(items))] * ENTITIES
    assert measure([found.shortlist(vectors)], [[np.array([0])] * ENTITIES], (1, 0.1, 0.1))["recall_20"] == 1


def test_nothing_recent_leaves_nothing_to_recommend() -> None:
    history, vectors = sample(0)
    found = gather_evidence(history, "item", vectors, np.arange(ENTITIES), 150 * DAY)
    items, scores = found.shortlist(vectors).rank((1, 0.1, 0.1), 20)
    assert items.shape == scores.shape == (ENTITIES, 0)


def test_nobody_to_recommend_to_is_no_mistake() -> None:
    found, vectors = evidence(0, entities=np.zeros(0, int))
    items, scores = found.shortlist(vectors).rank((1, 0.1, 0.1), 20)
    assert items.shape == scores.shape
    assert len(items) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_blend_is_never_below_its_parts_on_validation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found, vectors = evidence(seed)
    shortlists = [found.shortlist(vectors)]
    truth = [[generator.choice(40, 3, replace=False) for _ in range(ENTITIES)]]
    best, tried = choose_blend(shortlists, truth)
    chosen = measure(shortlists, truth, best)["ndcg_10"]
    assert chosen == max(tried.values())
    for weights in (*BASELINES.values(), (0.0, 0.0, 1.0)):
        assert chosen >= measure(shortlists, truth, weights)["ndcg_10"]


def test_measures_are_over_all_shortlists_together() -> None:
    weights = (1.0, 0.1, 0.1)
    pairs = [evidence(seed) for seed in (0, 1)]
    shortlists = [found.shortlist(vectors) for found, vectors in pairs]
    truth = [[np.array([entity]) for entity in range(ENTITIES)], [np.array([], int)] * ENTITIES]
    ranked = np.concatenate([shortlist.rank(weights, 20)[0] for shortlist in shortlists])
    assert measure(shortlists, truth, weights) == ranking_metrics([*truth[0], *truth[1]], ranked)
