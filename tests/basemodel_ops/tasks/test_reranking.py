"""Numbers of pairs against loops over events, new items apart, and the policy for items already had."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from basemodel_ops.foundation.retrieval import learn_retrieval
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.tasks.interactions import NEVER, InteractionSnapshot, ItemModels, sequences_before
from basemodel_ops.tasks.metrics import is_among, ranking_metrics
from basemodel_ops.tasks.pair_features import HALF_LIVES, PairFeatures
from basemodel_ops.tasks.recommendation import retrieve_candidates
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import (
    Query,
    apply_policy,
    best_policy,
    halves,
    measure_scores,
    ndcg,
    never_had,
    sampled,
)

ITEMS, CUTOFF, END = 30, 300 * DAY, 280 * DAY
ENTITIES = np.array([4, 0, 2])


def sample(seed: int, entities: int = 6, events: int = 200) -> tuple[History, ItemModels]:
    generator = np.random.default_rng(seed)
    entity_index = np.sort(generator.integers(0, entities, events))
    time = generator.integers(150, 320, events) * DAY
    order = np.lexsort((time, entity_index))
    codes = {"item": generator.integers(-1, ITEMS, events).astype(np.int32)}
    start = np.searchsorted(entity_index, np.arange(entities + 1)).astype(np.int64)
    vectors = generator.standard_normal((ITEMS, 4)).astype(np.float32)
    attributes = {"kind": generator.integers(-1, 4, ITEMS), "maker": np.full(ITEMS, -1)}
    history = History(start, time[order], None, codes, {})
    return history, trained_on(history, vectors, attributes)


def trained_on(history: History, vectors: np.ndarray, attributes: dict[str, np.ndarray]) -> ItemModels:
    """What is known at `END`, with an untrained network."""
    known = sequences_before(history, "item", END)
    network = learn_retrieval(known, vectors, 0, lambda line: None, epochs=0)
    return ItemModels(vectors, attributes, Relations.of(known, ITEMS), network)


def events_of(history: History, entity: int) -> list[tuple[int, float]]:
    """(item, age in days) of the known items before the cutoff, in the order of time."""
    rows = range(history.start[entity], history.start[entity + 1])
    return [
        (int(history.item_ids["item"][row]), (CUTOFF - int(history.time[row])) / DAY)
        for row in rows
        if history.item_ids["item"][row] >= 0 and history.time[row] < CUTOFF
    ]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_numbers_of_a_pair_are_those_of_its_events(seed: int) -> None:
    history, trained = sample(seed)
    vectors, attributes = trained.vectors, trained.attributes
    pair_features = PairFeatures.of(InteractionSnapshot.before(history, "item", trained, CUTOFF), ENTITIES)
    items = np.tile(np.arange(ITEMS), (len(ENTITIES), 1))
    result = dict(
        zip(pair_features.names, pair_features.rows(np.arange(len(ENTITIES)), items).transpose(2, 0, 1), strict=True)
    )
    everyone = [event for entity in range(history.entities) for event in events_of(history, entity)]
    for row, entity in enumerate(ENTITIES):
        chosen = events_of(history, int(entity))
        moments = sorted({age for _, age in chosen})
        back = {age: row_index for row_index, age in enumerate(moments)}
        pool = sum((2 ** (-back[age] / 3) * vectors[item] for item, age in chosen), np.zeros(4))
        after = trained.relations.follows.toarray()
        follows = sum((2 ** (-back[age] / 3) * after[item] for item, age in chosen if back[age] <= 21), np.zeros(ITEMS))
        query = trained.retrieval.queries(pair_features.interactions.sequences, np.array([entity]))[0]
        logits = vectors @ query
        for item in range(ITEMS):
            ages = sorted({age for other, age in chosen if other == item})
            decayed = sum(2 ** (-age / HALF_LIVES[1]) for other, age in chosen if other == item)
            assert result["personal_30"][row, item] == pytest.approx(np.log1p(decayed), abs=1e-4)
            assert result["days"][row, item] == pytest.approx(np.log1p(len(ages)), abs=1e-4)
            assert result["since"][row, item] == pytest.approx(np.log1p(ages[0] if ages else NEVER), abs=1e-4)
            gap = (ages[-1] - ages[0]) / (len(ages) - 1) if len(ages) > 1 else NEVER
            assert result["gap"][row, item] == pytest.approx(np.log1p(gap), abs=1e-4)
            popular = sum(age <= 56 for other, age in everyone if other == item) / 56
            assert result["popular_56"][row, item] == pytest.approx(np.log1p(popular), abs=1e-4)
            cosine = pool @ vectors[item] / max(np.linalg.norm(pool), 1e-12)
            assert result["close_1"][row, item] == pytest.approx(cosine, abs=1e-3)
            assert result["follows_3"][row, item] == pytest.approx(follows[item], abs=1e-3)
            assert result["learnt"][row, item] == pytest.approx(logits[item] - np.log(np.exp(logits).sum()), abs=1e-3)
            kind = attributes["kind"][item]
            weight = {other: 2 ** (-age / HALF_LIVES[-1]) for other, age in chosen}
            total = sum(2 ** (-age / HALF_LIVES[-1]) for other, age in chosen if attributes["kind"][other] >= 0)
            current = sum(2 ** (-age / HALF_LIVES[-1]) for other, age in chosen if attributes["kind"][other] == kind)
            share = current / total if kind >= 0 and total and weight else 0
            assert result["share_0"][row, item] == pytest.approx(share, abs=1e-4)
            assert result["share_1"][row, item] == 0


def test_nothing_at_or_after_the_cutoff_changes_a_number() -> None:
    history, trained = sample(1)
    other = sample(2)[0].item_ids["item"]
    codes = np.where(history.time < CUTOFF, history.item_ids["item"], other)
    changed = History(history.start, history.time, None, {"item": codes.astype(np.int32)}, {})
    assert (codes != history.item_ids["item"]).any()
    items = np.tile(np.arange(ITEMS), (len(ENTITIES), 1))
    everyone = np.arange(len(ENTITIES))
    before, after = (
        PairFeatures.of(InteractionSnapshot.before(entry, "item", trained, CUTOFF), ENTITIES).rows(everyone, items)
        for entry in (history, changed)
    )
    np.testing.assert_array_equal(before, after)
    again = trained_on(changed, trained.vectors, dict(trained.attributes))
    np.testing.assert_array_equal(again.relations.ease_weights, trained.relations.ease_weights)
    np.testing.assert_array_equal(again.relations.follows.toarray(), trained.relations.follows.toarray())


def queries(seed: int, entities: int = 500) -> list[Query]:
    """What is taken next is of the kind that the entity took most; nothing else speaks for it."""
    generator = np.random.default_rng(seed)
    history, trained = sample(seed, entities, entities * 12)
    attributes = {**trained.attributes, "kind": np.arange(ITEMS) % 5}
    favourite = np.arange(entities) % 5
    entity_index = np.repeat(np.arange(entities), np.diff(history.start))
    codes = favourite[entity_index] + 5 * generator.integers(0, 6, len(entity_index))
    history = History(history.start, history.time, None, {"item": codes.astype(np.int32)}, {})
    everyone = np.arange(entities)
    truth = [np.array([favourite[entry] + 5 * generator.integers(0, 6)]) for entry in everyone]
    known = InteractionSnapshot.before(history, "item", trained_on(history, trained.vectors, attributes), CUTOFF)
    pair_features = PairFeatures.of(known, everyone)
    return [Query(retrieve_candidates(pair_features), pair_features, truth)]


def test_new_items_are_ranked_apart() -> None:
    (query,) = queries(2)
    fresh = query.unseen
    known = query.pair_features.interactions.sequences
    had = [set(known.item[low:high]) for low, high in zip(known.start[:-1], known.start[1:], strict=True)]
    for entity, items in enumerate(fresh.truth):
        assert set(items) == set(query.truth[entity]) - had[entity]
        assert not set(fresh.candidates.items[entity][fresh.candidates.is_first[entity]]) & had[entity]
    measured = measure_scores([query], [query.candidates.retrieval_scores[:, :, 1]], k=5)
    assert 0 <= measured["new_recall_20"] <= 1
    assert 0 < measured["coverage"] <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_items_never_had_are_those_of_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    had = generator.random((6, ITEMS)) < 0.3
    items = [generator.choice(np.arange(-3, ITEMS), generator.integers(0, 9), replace=False) for _ in had]
    items[1] = np.zeros(0, np.int64)
    result = never_had(items, csr_matrix(had.astype(float)))
    assert len(result) == len(items)
    for row, current in enumerate(items):
        assert result[row].tolist() == [item for item in current.tolist() if item < 0 or not had[row, item]]
    assert never_had([], csr_matrix((0, ITEMS))) == []


def test_the_policy_is_the_one_that_measures_better() -> None:
    (query,) = queries(3)
    personal = query.candidates.retrieval_scores[:, :, 0]
    assert best_policy([query], [personal])[0] == "keep"
    had = [items[query.candidates.retrieval_scores[row, :, 0] > 0] for row, items in enumerate(query.candidates.items)]
    only_new = [np.setdiff1d(query.candidates.items[row], chosen)[:1] for row, chosen in enumerate(had)]
    requested = [replace(query, truth=only_new)]
    assert best_policy(requested, [personal], ["keep"]) == ("keep", measure_scores(requested, [personal]))
    assert ndcg(requested, [personal], ["keep"]) < ndcg(requested, [personal])
    policy, metrics = best_policy([replace(query, truth=only_new)], [personal])
    assert policy == "remove"
    (scores,) = apply_policy(policy, [query], [personal])
    best, _ = query.candidates.best(scores, 5)
    assert not any(np.isin(best[row], chosen).any() for row, chosen in enumerate(had))
    assert metrics["ndcg_10"] == ndcg([replace(query, truth=only_new)], [personal])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_ranking_metrics_are_those_of_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = [generator.choice(np.arange(-5, 40), generator.integers(0, 15), replace=False) for _ in range(8)]
    truth[0] = np.array([3])
    ranked = np.stack([generator.permutation(40)[:20] for _ in truth])
    recall, gain = [], []
    for items, row in zip(truth, ranked, strict=True):
        hits = [item in set(items.tolist()) for item in row.tolist()]
        np.testing.assert_array_equal(is_among(row[None], [items])[0], hits)
        if len(items):
            recall.append(sum(hits) / len(items))
            ideal = sum(1 / np.log2(rank + 2) for rank in range(min(len(items), 10)))
            gain.append(sum(hit / np.log2(rank + 2) for rank, hit in enumerate(hits[:10])) / ideal)
    result = ranking_metrics(truth, ranked)
    assert result["recall_20"] == pytest.approx(np.mean(recall))
    assert result["ndcg_10"] == pytest.approx(np.mean(gain))


def test_an_entity_is_in_one_half_at_all_cutoffs() -> None:
    (query,) = queries(5, entities=60)
    later = np.roll(np.arange(60), 7)  # others stand at its place a week later
    entity_halves = halves([replace(query, entity_index=index) for index in (np.arange(60), later)], 0)
    np.testing.assert_array_equal(entity_halves[1], entity_halves[0][later])
    assert 15 < entity_halves[0].sum() < 45
    (alone,) = halves([query], 0)
    np.testing.assert_array_equal(alone, entity_halves[0])
    (subset,) = sampled([replace(query, entity_index=later)], 20, 0)
    assert subset.entity_index is not None
    truth = {int(whose): items.tolist() for whose, items in zip(later, query.truth, strict=True)}
    assert [truth[int(whose)] for whose in subset.entity_index] == [items.tolist() for items in subset.truth]
