"""What speaks for an item: shares sum to the score, and an item's share is what is lost when it is removed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from basemodel_ops.foundation.retrieval import learn_retrieval
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.tasks.evidence import ALL_HISTORY, CLOSE, FOLLOWS, OF_NUMBERS, PERSONAL, SIMILAR, _Terms, evidence
from basemodel_ops.tasks.interactions import InteractionSnapshot, ItemModels, sequences_before
from basemodel_ops.tasks.pair_features import STEPS, PairFeatures
from basemodel_ops.tasks.ranker import Ranker, ranking_pairs
from basemodel_ops.tasks.recommendation import KINDS, retrieve_candidates
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query

from .test_recommendation import CUTOFF, ENTITIES, random_pair_features, sample
from .test_reranking import queries

ITEMS = 40
BASKETS = {260: (1, 2, 5), 270: (2, 3, 7), 290: (1, 4, 9)}


def query_of(seed: int) -> Query:
    result = random_pair_features(seed)
    return Query(retrieve_candidates(result), result, [])


def tiny(without: int | None = None) -> PairFeatures:
    """One entity with three baskets of items, less one item; what is known of items is learnt from others."""
    others, vectors = sample(3, ITEMS)
    known = sequences_before(others, "item", CUTOFF)
    relations = replace(Relations.of(known, ITEMS), ease_weights=np.random.default_rng(2).random((ITEMS, ITEMS)))
    relations = replace(relations, ease_index=np.arange(ITEMS))
    trained = ItemModels(vectors, {}, relations, learn_retrieval(known, vectors, 0, lambda line: None, epochs=0))
    rows = [(day * DAY, item) for day, items in BASKETS.items() for item in items if item != without]
    time, codes = np.array([time for time, _ in rows]), np.array([code for _, code in rows], np.int32)
    history = History(np.array([0, len(rows)]), time, None, {"item": codes}, {})
    return PairFeatures.of(InteractionSnapshot.before(history, "item", trained, CUTOFF), np.arange(1))


@pytest.mark.parametrize("weights", [(1, 0.01, 0.1, 0.3, 1.0), (0, 0, 1, 0.5, 0), (1, 1e-6, 0, 0, 0)])
def test_shares_of_a_blend_sum_to_its_score(weights: tuple[float, ...]) -> None:
    query = query_of(1)
    row, row_index = np.nonzero(query.candidates.is_first)
    result = evidence(query, np.arange(ENTITIES), row, row_index, None, weights)
    scores = query.candidates.scores(weights)[row, row_index]
    np.testing.assert_allclose([entry.score for entry in result], scores, rtol=1e-5)
    np.testing.assert_allclose([sum(entry.shares.values()) + entry.base for entry in result], scores, atol=1e-6)
    current = [sum(v for (kind, _), v in entry.shares.items() if kind == PERSONAL) for entry in result]
    had = query.candidates.retrieval_scores[row, row_index, KINDS.index("personal")]
    np.testing.assert_allclose(current, weights[KINDS.index("personal")] * had, atol=1e-6)


def test_shares_of_a_ranker_sum_to_the_chance_that_it_gives() -> None:
    (query,) = queries(0)
    ranker = Ranker.fit([ranking_pairs(query, 0)], 0, rounds=10)
    assert ranker is not None
    row, row_index = (entry[:40] for entry in np.nonzero(query.candidates.is_first))
    result = evidence(query, np.arange(len(query.truth)), row, row_index, ranker, ())
    np.testing.assert_allclose([entry.score for entry in result], ranker.scores(query)[row, row_index], atol=1e-9)
    np.testing.assert_allclose(
        [sum(entry.shares.values()) for entry in result], [entry.score - entry.base for entry in result], atol=1e-6
    )
    assert len({entry.base for entry in result}) == 1
    described = ranker.contributions(query.numbers(row[:1], row_index[:1, None])[0])
    np.testing.assert_allclose(described.sum(), logit(result[0].score), atol=1e-6)
    assert {name.split("_")[0] for name in query.names} <= {*OF_NUMBERS, "blend"}


@pytest.mark.parametrize("removed", [1, 3, 9])
@pytest.mark.parametrize("item", [2, 11, 30])
def test_an_items_share_is_what_is_lost_without_it(item: int, removed: int) -> None:
    complete, less = tiny(), tiny(removed)
    terms = _Terms(complete, 0, 0)

    def share(result: tuple[np.ndarray, np.ndarray] | None) -> float:
        assert result is not None
        return float(result[1][result[0] == removed].sum())

    for life, days in enumerate(STEPS):
        lost = [entry.follows(np.zeros(1, int), np.array([[item]]))[life, 0, 0] for entry in (complete, less)]
        assert share(terms.of(f"follows_{days:g}", item)) == pytest.approx(lost[0] - lost[1], abs=1e-6)
    names = list(complete.names)
    lost = [entry.rows(np.zeros(1, int), np.array([[item]]))[0, 0] for entry in (complete, less)]
    similar = names.index("similar")
    assert share(terms.of("similar", item)) == pytest.approx(lost[0][similar] - lost[1][similar], abs=1e-5)
    for pool in range(6):
        codes, parts = terms.of(f"close_{pool}", item) or (np.zeros(0), np.zeros(0))
        assert parts.sum() == pytest.approx(lost[0][names.index(f"close_{pool}")], abs=1e-5)
        assert set(codes) == {1, 2, 3, 4, 5, 7, 9}


def test_reasons_name_items_of_the_history_and_what_is_no_sum_is_told_as_a_whole() -> None:
    result = tiny()
    query = Query(retrieve_candidates(result), result, [])
    (row_index,) = np.nonzero(query.candidates.is_first[0])
    described = evidence(query, np.zeros(1, int), np.zeros(len(row_index), int), row_index, None, (1, 1, 1, 1, 1))
    for entry, item in zip(described, query.candidates.items[0, row_index].tolist(), strict=True):
        kinds = {kind for kind, _ in entry.shares}
        assert {code for kind, code in entry.shares if kind == PERSONAL} <= {item}
        assert {code for kind, code in entry.shares if kind in (CLOSE, FOLLOWS)} <= {ALL_HISTORY, 1, 2, 3, 4, 5, 7, 9}
        assert SIMILAR not in kinds
