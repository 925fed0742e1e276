"""Owen values against the mean over all orders that keep groups together, and what must hold of them anyhow."""

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np
import pytest

from basemodel_ops.explanations import Explanation, Node, explain, faithfulness, split

ALL = 10**6


def leaf(row_index: int) -> Node:
    return Node(row_index, np.array([row_index]))


def group(*children: Node) -> Node:
    return Node("group", np.concatenate([child.members for child in children]), children)


TREES = {
    "flat": group(leaf(0), leaf(1), leaf(2), leaf(3), leaf(4)),
    "nested": group(group(leaf(0), group(leaf(3), leaf(1))), leaf(4), group(leaf(2), leaf(5))),
    "one": group(leaf(0)),
}


def table(players: int) -> Callable[[np.ndarray, list[np.ndarray]], np.ndarray]:
    """A game without any structure: a score for each coalition."""
    values = np.random.default_rng(players).normal(size=2**players)

    def score(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([values[row @ 2 ** np.arange(players)] for row in kept])

    return score


def orders(node: Node) -> Iterator[list[int]]:
    """All orders of a node's members in which those of each group stand together."""
    if not node.children:
        yield node.members.tolist()
        return
    for ordered in permutations(node.children):
        for parts in product(*(list(orders(child)) for child in ordered)):
            yield [member for part in parts for member in part]


def by_hand(root: Node, score: Callable[[np.ndarray, list[np.ndarray]], np.ndarray]) -> np.ndarray:
    result = []
    for order in orders(root):
        added = np.zeros(len(order))
        kept = np.zeros(len(order), bool)
        for member in order:
            with_it = kept.copy()
            with_it[member] = True
            before, after = score(np.zeros(2, int), [kept, with_it])
            added[member], kept = after - before, with_it
        result.append(added)
    return np.mean(result, axis=0)


def values(entry: Explanation, players: int) -> np.ndarray:
    assert all(len(share.node.members) == 1 for share in entry.shares)
    return entry.by_player(players)


@pytest.mark.parametrize("name", TREES)
def test_all_coalitions_give_the_mean_over_all_orders_of_the_tree(name: str) -> None:
    root = TREES[name]
    players = len(root.members)
    (result,) = explain([root], table(players), evaluations=ALL, contexts=ALL)
    np.testing.assert_allclose(values(result, players), by_hand(root, table(players)), atol=1e-12)


def test_random_orders_come_near_and_antithetic_pairs_are_exact_for_pairwise_games() -> None:
    root = TREES["nested"]
    (result,) = explain([root], table(6), evaluations=ALL, contexts=4000, seed=3)
    np.testing.assert_allclose(values(result, 6), by_hand(root, table(6)), atol=0.05)
    generator = np.random.default_rng(1)
    alone, together = generator.normal(size=6), generator.normal(size=(6, 6))

    def pairwise(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([row @ alone + row @ together @ row for row in np.array(kept, float)])

    # An order and its reverse see each pair from both sides: two surroundings are enough.
    (result,) = explain(
        [TREES["flat"]], lambda entity_index, kept: pairwise(entity_index, [np.append(k, False) for k in kept])
    )
    current = alone[:5] + together[:5, :5].sum(0) / 2 + together[:5, :5].sum(1) / 2
    np.testing.assert_allclose(values(result, 5), current, atol=1e-12)


@pytest.mark.parametrize("evaluations", [2, 5, 20, ALL])
def test_shares_sum_to_the_score_less_that_of_nobody_however_far_the_tree_is_opened(evaluations: int) -> None:
    players = 11
    root = split("all", np.arange(players), 3)
    (result,) = explain([root], table(players), evaluations=evaluations, contexts=2)
    assert result.evaluations <= evaluations
    members = np.concatenate([share.node.members for share in result.shares])
    assert sorted(members.tolist()) == list(range(players))
    assert sum(share.value for share in result.shares) == pytest.approx(result.score - result.empty, abs=1e-12)
    nobody, everybody = table(players)(np.zeros(2, int), [np.zeros(players, bool), np.ones(players, bool)])
    assert (result.empty, result.score) == (nobody, everybody)


def test_games_do_not_depend_on_those_beside_them() -> None:
    roots = [split("all", np.arange(size), 3) for size in (7, 3, 9)]
    games = [table(len(root.members)) for root in roots]

    def score(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([games[game](entity_index, [row]) for game, row in zip(entity_index, kept, strict=True)])

    together = explain(roots, score, evaluations=30)
    for root, game, result in zip(roots, games, together, strict=True):
        (alone,) = explain([root], game, evaluations=30)
        np.testing.assert_array_equal(alone.by_player(len(root.members)), result.by_player(len(root.members)))


def test_the_player_that_decides_is_found_among_many() -> None:
    players, guilty = 300, 211

    def score(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([0.1 + 0.7 * row[guilty] + 0.0001 * row.mean() for row in kept])

    (result,) = explain([split("all", np.arange(players), 4)], score, evaluations=40)
    first = result.shares[0]
    assert first.node.members.tolist() == [guilty]
    assert first.value == pytest.approx(0.7, abs=1e-5)


def test_no_games_have_no_explanations() -> None:
    (result,) = explain([Node("all", np.zeros(0, np.int64))], lambda entity_index, kept: np.full(len(kept), 0.3))
    assert (result.score, result.empty) == (0.3, 0.3)
    assert sum(share.value for share in result.shares) == 0


def test_groups_that_share_a_member_are_refused() -> None:
    with pytest.raises(ValueError, match="no partition"):
        Node("all", np.arange(2), (leaf(0), leaf(0)))


def test_faithfulness_is_the_ratio_of_the_moves() -> None:
    """Of 20 players two count 1 each, the others nothing: both are removed, or each with a chance of one in ten."""
    root = group(*(leaf(row_index) for row_index in range(20)))

    def score(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([float(row[3]) + float(row[17]) for row in kept])

    result = explain([root], score, evaluations=ALL)
    message = faithfulness(result, [20], score, draws=400)
    assert message.named == 2
    assert message.random == pytest.approx(0.2, abs=0.05)
    assert message.ratio == pytest.approx(message.named / message.random)
    assert message.low == message.high == pytest.approx(message.ratio)  # of one game nothing else can be drawn


def test_the_interval_of_faithfulness_holds_the_ratio_of_all_and_narrows_with_entities() -> None:
    roots = [group(*(leaf(row_index) for row_index in range(20))) for _ in range(200)]
    size = np.random.default_rng(1).exponential(1, 200)

    def score(entity_index: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([size[game] * row[3] + 0.05 * row.sum() for game, row in zip(entity_index, kept, strict=True)])

    result = explain(roots, score, evaluations=ALL)
    few, many = (faithfulness(result[:n], [20] * n, lambda o, k: score(o, k)) for n in (20, 200))
    for message in (few, many):
        assert message.low < message.ratio < message.high
    assert many.high - many.low < few.high - few.low


def test_a_long_stretch_is_split_evenly_and_only_as_far_as_it_is_opened() -> None:
    created: list[Node] = []

    def seen(node: Node) -> list[np.ndarray]:
        created.append(node)
        return [leaf for child in node.children for leaf in seen(child)] if node.children else [node.members]

    members = np.arange(100, 122)
    root = split("all", members, 4)
    assert "children" not in vars(root)
    assert [child.members.tolist() for child in root.children] == [part.tolist() for part in np.array_split(members, 4)]
    assert not any("children" in vars(child) for child in root.children)
    assert [leaf.tolist() for leaf in seen(root)] == [[member] for member in members]
    assert all(len(node.children) <= 4 for node in created)


def test_parts_that_are_made_late_must_be_a_partition_too() -> None:
    late = Node("all", np.arange(2), lambda: (leaf(0), leaf(0)))
    with pytest.raises(ValueError, match="no partition"):
        _ = late.children
