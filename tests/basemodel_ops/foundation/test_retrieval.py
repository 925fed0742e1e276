"""Pools against a plain loop, a start that is closeness, and an order that must be learnt."""

import numpy as np
import pytest

from basemodel_ops.foundation.retrieval import (
    HALF_LIVES,
    RECENT,
    START,
    Retrieval,
    Sequences,
    learn_retrieval,
    pools,
)

ITEMS, DIMENSION = 20, 6


def sequences(seed: int, entities: int = 8, step: int | None = None) -> Sequences:
    """Random items; or each is `step` after the one before it."""
    generator = np.random.default_rng(seed)
    start, items, sessions, now = [0], [], [], 0
    for _ in range(entities):
        length = int(generator.integers(0, 12)) if step is None else 8
        first = int(generator.integers(ITEMS))
        current = generator.integers(0, ITEMS, length) if step is None else (first + step * np.arange(length)) % ITEMS
        together = generator.random(length) < (0.3 if step is None else 0)
        number = np.cumsum(~together) - (1 if length and not together[0] else 0)
        sessions += (now + number).tolist()
        now += int(number[-1]) + 1 if length else 0
        items += current.tolist()
        start.append(len(items))
    numbers = np.unique(np.array(sessions, np.int64), return_inverse=True)[1]
    return Sequences(np.array(start), np.array(items, np.int64), numbers.astype(np.int64))


def vectors(seed: int) -> np.ndarray:
    result = np.random.default_rng(seed).standard_normal((ITEMS, DIMENSION)).astype(np.float32)
    return result / np.linalg.norm(result, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_pools_are_decayed_sums_of_the_sessions_before(seed: int) -> None:
    known, space = sequences(seed), vectors(seed)
    events = np.arange(len(known.item))
    result = pools(known, known.before(events), space)
    entity_index = np.repeat(np.arange(len(known.start) - 1), np.diff(known.start))
    for event in events:
        ages = {
            other: int(known.session_index[event] - known.session_index[other] - 1)
            for other in events
            if entity_index[other] == entity_index[event] and known.session_index[other] < known.session_index[event]
        }
        sums = [
            sum((0.5 ** (age / life) * space[known.item[o]] for o, age in ages.items()), np.zeros(DIMENSION))
            for life in HALF_LIVES
        ]
        sums += [
            sum((space[known.item[o]] for o, age in ages.items() if age < most), np.zeros(DIMENSION)) for most in RECENT
        ]
        expected = [entry / max(np.linalg.norm(entry), 1e-12) for entry in sums]
        np.testing.assert_allclose(result[event], expected, atol=1e-4)


def test_what_comes_later_changes_no_pool() -> None:
    known, space = sequences(1), vectors(1)
    events = np.arange(len(known.item))
    before = pools(known, known.before(events), space)
    for event in events:
        changed = Sequences(known.start, known.item.copy(), known.session_index)
        changed.item[known.session_index >= known.session_index[event]] = 0
        after = pools(changed, changed.before(np.array([event])), space)
        np.testing.assert_array_equal(after[0], before[event])


def test_an_untrained_network_ranks_by_similarity() -> None:
    known, space = sequences(2), vectors(2)
    network = learn_retrieval(known, space, 0, lambda line: None, epochs=0)
    everyone = np.arange(len(known.start) - 1)
    pooled = pools(known, known.complete_histories(everyone), space)
    query = np.einsum("p,epd->ed", START, pooled)
    np.testing.assert_allclose(network.queries(known, everyone), 10 * query, atol=1e-4)
    np.testing.assert_array_equal(network.items, space)


def test_an_order_is_learnt_with_the_same_weights_each_time_and_survives_its_arrays() -> None:
    known, space = sequences(3, entities=700, step=3), vectors(3)
    everyone = np.arange(200)
    last = known.item[known.start[everyone + 1] - 1]
    networks = [learn_retrieval(known, space, 0, lambda line: None, epochs=30) for _ in range(2)]
    again = Retrieval.from_arrays(networks[0].arrays(), space)
    for network in (*networks, again):
        np.testing.assert_array_equal(network.items, networks[0].items)
        np.testing.assert_array_equal(network.queries(known, everyone), networks[0].queries(known, everyone))
    scores = again.queries(known, everyone) @ again.items.T + again.bias
    assert (scores.argmax(axis=1) == (last + 3) % ITEMS).mean() > 0.9
    untrained = learn_retrieval(known, space, 0, lambda line: None, epochs=0)
    assert ((untrained.queries(known, everyone) @ space.T).argmax(axis=1) == (last + 3) % ITEMS).mean() < 0.5
