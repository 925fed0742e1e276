"""Shortlists and blends against all items, scored by plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.foundation.retrieval import START, learn_retrieval
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.tasks import recommendation
from basemodel_ops.tasks.interactions import POPULAR_DAYS, InteractionSnapshot, ItemModels, sequences_before
from basemodel_ops.tasks.pair_features import FAINT, HALF_LIVES, PairFeatures
from basemodel_ops.tasks.recommendation import (
    BASELINES,
    KINDS,
    SINGLES,
    TEMPERATURE,
    choose_blend,
    retrieve_candidates,
)
from basemodel_ops.tasks.relations import Relations

ENTITIES, CUTOFF = 6, 300 * DAY


def sample(seed: int, items: int = 40, events: int = 150) -> tuple[History, np.ndarray]:
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, ENTITIES, events))
    time = generator.integers(200, 320, events) * DAY
    order = np.lexsort((time, entity_index))
    codes = {"item": generator.integers(-1, items, events).astype(np.int32)}
    start = np.searchsorted(entity_index, np.arange(ENTITIES + 1)).astype(np.int64)
    vectors = generator.standard_normal((items, 4)).astype(np.float32)
    return History(start, time[order], None, codes, {}), vectors


def random_pair_features(
    seed: int, items: int = 40, entities: np.ndarray | None = None, cutoff: int = CUTOFF
) -> PairFeatures:
    history, vectors = sample(seed, items)
    known = sequences_before(history, "item", CUTOFF)
    network = learn_retrieval(known, vectors, 0, lambda line: None, epochs=0)
    trained = ItemModels(vectors, {}, Relations.of(known, items), network)
    chosen = np.arange(ENTITIES) if entities is None else entities
    return PairFeatures.of(InteractionSnapshot.before(history, "item", trained, cutoff), chosen)


def dense(seed: int, items: int = 40) -> np.ndarray:
    """Evidence (entities, items, kinds) from a loop over events; -inf where nobody had the item lately."""
    history, vectors = sample(seed, items)
    result = random_pair_features(seed, items)
    personal, popular, follows = np.zeros((ENTITIES, items)), np.zeros(items), np.zeros((ENTITIES, items))
    for entity in range(ENTITIES):
        rows = range(history.start[entity], history.start[entity + 1])
        events = [
            (int(history.item_ids["item"][row]), (CUTOFF - int(history.time[row])) / DAY)
            for row in rows
            if history.item_ids["item"][row] >= 0 and history.time[row] < CUTOFF
        ]
        back = {age: row_index for row_index, age in enumerate(sorted({age for _, age in events}))}
        for item, age in events:
            personal[entity, item] += 2 ** (-age / HALF_LIVES[2])
            popular[item] += age <= POPULAR_DAYS[-1]
            if (weight := 2 ** (-back[age] / 3)) >= FAINT:
                follows[entity] += weight * result.interactions.item_models.relations.follows.toarray()[item]
    seen = popular > 0
    query = np.einsum("p,epd->ed", START, result.pools)
    close = np.maximum(query @ vectors.T / np.maximum(np.linalg.norm(query, axis=1, keepdims=True), 1e-9), 0)
    follows /= np.maximum(follows[:, seen].max(axis=1, keepdims=True), 1e-9)
    logits = result.queries @ vectors.T
    trained = np.maximum(1 + (logits - logits[:, seen].max(axis=1, keepdims=True)) / TEMPERATURE, 0)
    personal /= np.maximum(np.linalg.norm(personal, axis=1, keepdims=True), 1e-12)
    kinds = [personal, np.broadcast_to(popular / popular.max(), personal.shape), close, follows, trained]
    return np.where(seen[None, :, None], np.stack(kinds, axis=2), -np.inf)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 1), min_size=len(KINDS), max_size=len(KINDS)))
def test_a_candidate_set_ranks_as_all_items_would(seed: int, weights: list[float]) -> None:
    scores = dense(seed) @ np.array(weights)
    candidates = retrieve_candidates(random_pair_features(seed))
    items, values = candidates.best(candidates.scores(tuple(weights)), 10)
    best = -np.sort(-scores, axis=1)[:, : items.shape[1]]
    np.testing.assert_allclose(values, best, rtol=1e-3, atol=1e-4)
    known = np.isfinite(best)
    np.testing.assert_allclose(
        np.take_along_axis(scores, items * known, axis=1)[known], best[known], rtol=1e-3, atol=1e-4
    )
    assert all(len(set(row[known[n]])) == known[n].sum() for n, row in enumerate(items))


def test_chosen_entities_keep_their_evidence() -> None:
    everyone, subset = (
        retrieve_candidates(random_pair_features(0)),
        retrieve_candidates(random_pair_features(0, entities=np.array([4, 1]))),
    )
    weights = (1, 0.1, 0.1, 0.1, 0.1)
    items, scores = everyone.best(everyone.scores(weights), 5)
    some_items, some_scores = subset.best(subset.scores(weights), 5)
    np.testing.assert_array_equal(some_items, items[[4, 1]])
    np.testing.assert_allclose(some_scores, scores[[4, 1]], rtol=1e-5)


def test_a_large_catalogue_is_compared_by_its_popular_items_and_those_an_entity_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recommendation, "COMPARED", 4)
    monkeypatch.setattr(recommendation, "PER_KIND", 2)
    result = random_pair_features(0)
    candidates = retrieve_candidates(result)
    popular = result.interactions.item_statistics.popularity[-1]
    near = set(np.argsort(-popular, kind="stable")[:4].tolist())
    foreign = 0
    for entity, items in enumerate(candidates.items):
        personal = result.decayed_counts[2].toarray()[entity] * (popular > 0)
        assert set(items.tolist()) <= near | set(np.flatnonzero(personal).tolist())
        assert int(personal.argmax()) in items
        foreign += len(set(items.tolist()) - near)
    assert foreign > 0
    assert np.isfinite(candidates.retrieval_scores).all()
    subset = retrieve_candidates(random_pair_features(0, entities=np.array([4, 1])))
    np.testing.assert_array_equal(subset.items, candidates.items[[4, 1]])
    np.testing.assert_allclose(subset.retrieval_scores, candidates.retrieval_scores[[4, 1]], rtol=1e-5)


def truncate(items: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first ranks that every entity has an item at."""
    width = int(np.isfinite(scores).all(axis=0).sum())
    return items[:, :width], scores[:, :width]


@pytest.mark.parametrize("items", [1, 2, 7])
def test_a_small_catalogue_is_ranked_whole(items: int) -> None:
    candidates = retrieve_candidates(random_pair_features(0, items))
    ranked, _ = truncate(*candidates.best(candidates.scores((1, 0.1, 0.1, 0, 0)), 20))
    assert np.sort(ranked, axis=1).tolist() == [list(range(items))] * ENTITIES


def test_nothing_recent_leaves_nothing_to_recommend() -> None:
    candidates = retrieve_candidates(random_pair_features(0, cutoff=150 * DAY))
    items, scores = truncate(*candidates.best(candidates.scores((1, 0.1, 0.1, 0, 0)), 20))
    assert items.shape == scores.shape == (ENTITIES, 0)


def test_nobody_to_recommend_to_is_no_mistake() -> None:
    candidates = retrieve_candidates(random_pair_features(0, entities=np.zeros(0, int)))
    items, scores = candidates.best(candidates.scores((1, 0.1, 0.1, 0, 0)), 20)
    assert items.shape == scores.shape
    assert len(items) == 0


def test_the_blend_is_the_best_of_all_that_were_tried() -> None:
    target = np.array([0, 0.3, 1, 0.1, 0])
    best, tried = choose_blend(lambda weights: -float(np.abs(target - weights).sum()))
    assert best == tuple(target)
    assert max(tried.values()) == 0
    for weights in (*BASELINES.values(), *SINGLES.values()):
        assert -float(np.abs(target - weights).sum()) in tried.values()
