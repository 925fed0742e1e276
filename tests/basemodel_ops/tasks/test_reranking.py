"""Numbers of pairs against loops over events, and a ranker that must find the evidence that was planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.tasks.affinity import HALF_LIVES, NEVER, Market
from basemodel_ops.tasks.metrics import is_among, ranking_metrics
from basemodel_ops.tasks.recommendation import gather_evidence
from basemodel_ops.tasks.reranking import (
    Query,
    fit_ranker,
    measure_scores,
    pair_scores,
    restore_ranker,
    scores_crosswise,
)

ITEMS, CUTOFF = 30, 300 * DAY
ENTITIES = np.array([4, 0, 2])


def sample(seed: int, entities: int = 6, events: int = 200) -> tuple[History, np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    owner = np.sort(generator.integers(0, entities, events))
    time = generator.integers(150, 320, events) * DAY
    order = np.lexsort((time, owner))
    codes = {"item": generator.integers(-1, ITEMS, events).astype(np.int32)}
    start = np.searchsorted(owner, np.arange(entities + 1)).astype(np.int64)
    vectors = generator.standard_normal((ITEMS, 4)).astype(np.float32)
    facts = {"kind": generator.integers(-1, 4, ITEMS), "maker": np.full(ITEMS, -1)}
    return History(start, time[order], None, codes, {}), vectors, facts


def events_of(history: History, entity: int) -> list[tuple[int, float]]:
    """(item, age in days) of the known items before the cutoff, in the order of time."""
    rows = range(history.start[entity], history.start[entity + 1])
    return [
        (int(history.codes["item"][row]), (CUTOFF - int(history.time[row])) / DAY)
        for row in rows
        if history.codes["item"][row] >= 0 and history.time[row] < CUTOFF
    ]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_numbers_of_a_pair_are_those_of_its_events(seed: int) -> None:
    history, vectors, facts = sample(seed)
    affinity = Market.before(history, "item", vectors, facts, CUTOFF).affinity(ENTITIES)
    items = np.tile(np.arange(ITEMS), (len(ENTITIES), 1))
    found = dict(zip(affinity.names, affinity.rows(0, len(ENTITIES), items).transpose(2, 0, 1), strict=True))
    everyone = [event for entity in range(history.entities) for event in events_of(history, entity)]
    for row, entity in enumerate(ENTITIES):
        mine = events_of(history, int(entity))
        pool = sum((2 ** (-age / 30) * vectors[item] for item, age in mine), np.zeros(4))
        for item in range(ITEMS):
            ages = sorted({age for other, age in mine if other == item})
            decayed = sum(2 ** (-age / HALF_LIVES[1]) for other, age in mine if other == item)
            assert found["personal_30"][row, item] == pytest.approx(np.log1p(decayed), abs=1e-4)
            assert found["days"][row, item] == pytest.approx(np.log1p(len(ages)), abs=1e-4)
            assert found["since"][row, item] == pytest.approx(np.log1p(ages[0] if ages else NEVER), abs=1e-4)
            gap = (ages[-1] - ages[0]) / (len(ages) - 1) if len(ages) > 1 else NEVER
            assert found["gap"][row, item] == pytest.approx(np.log1p(gap), abs=1e-4)
            popular = sum(age <= 56 for other, age in everyone if other == item) / 56
            assert found["popular_56"][row, item] == pytest.approx(np.log1p(popular), abs=1e-4)
            cosine = pool @ vectors[item] / max(np.linalg.norm(pool), 1e-12)
            assert found["close_30"][row, item] == pytest.approx(cosine, abs=1e-3)
            kind = facts["kind"][item]
            weight = {other: 2 ** (-age / HALF_LIVES[-1]) for other, age in mine}
            total = sum(2 ** (-age / HALF_LIVES[-1]) for other, age in mine if facts["kind"][other] >= 0)
            own = sum(2 ** (-age / HALF_LIVES[-1]) for other, age in mine if facts["kind"][other] == kind)
            share = own / total if kind >= 0 and total and weight else 0
            assert found["share_0"][row, item] == pytest.approx(share, abs=1e-4)
            assert found["share_1"][row, item] == 0


def test_nothing_at_or_after_the_cutoff_changes_a_number() -> None:
    history, vectors, facts = sample(1)
    other = sample(2)[0].codes["item"]
    codes = np.where(history.time < CUTOFF, history.codes["item"], other)
    changed = History(history.start, history.time, None, {"item": codes.astype(np.int32)}, {})
    assert (codes != history.codes["item"]).any()
    items = np.tile(np.arange(ITEMS), (len(ENTITIES), 1))
    before, after = (
        Market.before(one, "item", vectors, facts, CUTOFF).affinity(ENTITIES).rows(0, len(ENTITIES), items)
        for one in (history, changed)
    )
    np.testing.assert_array_equal(before, after)


def test_similarities_are_the_closed_form_of_ridge_without_the_item_itself() -> None:
    """Each column of EASE is a ridge regression of one item on all others."""
    history, vectors, facts = sample(3, entities=40, events=900)
    market = Market.before(history, "item", vectors, facts, CUTOFF)
    known = np.flatnonzero(market.similar_place >= 0)
    counts = np.zeros((history.entities, ITEMS))
    np.add.at(counts, (market.owner, market.item), 2 ** (-market.age / HALF_LIVES[-1]))
    counts = np.log1p(counts)[:, known]
    for column in (0, 5):
        others = np.delete(np.arange(len(known)), column)
        left = counts[:, others]
        expected = np.linalg.solve(left.T @ left + 500.0 * np.eye(len(others)), left.T @ counts[:, column])
        np.testing.assert_allclose(market.similarity[others, column], expected, atol=1e-5)
        assert market.similarity[column, column] == 0


def queries(seed: int, entities: int = 500) -> list[Query]:
    """What is taken next is of the kind that the entity took most; nothing else speaks for it."""
    generator = np.random.default_rng(seed)
    history, vectors, facts = sample(seed, entities, entities * 12)
    facts["kind"] = np.arange(ITEMS) % 5
    favourite = np.arange(entities) % 5
    owner = np.repeat(np.arange(entities), np.diff(history.start))
    codes = favourite[owner] + 5 * generator.integers(0, 6, len(owner))
    history = History(history.start, history.time, None, {"item": codes.astype(np.int32)}, {})
    everyone = np.arange(entities)
    truth = [np.array([favourite[one] + 5 * generator.integers(0, 6)]) for one in everyone]
    market = Market.before(history, "item", vectors, facts, CUTOFF)
    evidence = gather_evidence(history, "item", vectors, everyone, CUTOFF)
    return [Query(evidence.shortlist(vectors), market.affinity(everyone), truth)]


def test_a_ranker_finds_what_decides_and_survives_its_text() -> None:
    asked = queries(0)
    ranker = fit_ranker(asked, 0, rounds=20)
    assert ranker is not None
    scores = [pair_scores(ranker, query) for query in asked]
    crosswise = scores_crosswise(asked, 0, rounds=20)
    assert crosswise is not None
    chance = measure_scores(asked, [np.random.default_rng(0).random(scores[0].shape)], k=6)
    for own in (scores, crosswise):
        assert measure_scores(asked, own, k=6)["recall_20"] > 2 * chance["recall_20"]
    again = pair_scores(restore_ranker(ranker.model_to_string()), asked[0])
    np.testing.assert_allclose(again, scores[0])
    np.testing.assert_array_equal(pair_scores(fit_ranker(asked, 0, rounds=20) or ranker, asked[0]), scores[0])


def test_too_few_answers_fit_no_ranker() -> None:
    few = queries(1, entities=40)
    assert fit_ranker(few, 0) is None
    assert scores_crosswise(few, 0) is None


def test_new_items_are_ranked_apart() -> None:
    (query,) = queries(2)
    fresh = query.unseen
    had = [set(query.affinity.market.item[query.affinity.market.owner == entity]) for entity in range(len(query.truth))]
    for entity, items in enumerate(fresh.truth):
        assert set(items) == set(query.truth[entity]) - had[entity]
        assert not set(fresh.shortlist.items[entity][fresh.shortlist.is_first[entity]]) & had[entity]
    measured = measure_scores([query], [query.shortlist.evidence[:, :, 1]], k=5)
    assert 0 <= measured["new_recall_20"] <= 1
    assert 0 < measured["coverage"] <= 1


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
    found = ranking_metrics(truth, ranked)
    assert found["recall_20"] == pytest.approx(np.mean(recall))
    assert found["ndcg_10"] == pytest.approx(np.mean(gain))
