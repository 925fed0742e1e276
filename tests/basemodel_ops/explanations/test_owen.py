"""Owen values against the mean over all orders that keep groups together, and what must hold of them anyhow."""

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np
import pytest

from basemodel_ops.explanations import Explanation, Node, explain, faithfulness, split

ALL = 10**6


def leaf(place: int) -> Node:
    return Node(place, np.array([place]))


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

    def score(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([values[row @ 2 ** np.arange(players)] for row in kept])

    return score


def orders(node: Node) -> Iterator[list[int]]:
    """All orders of a node's members in which those of each group stand together."""
    if not node.children:
        yield node.members.tolist()
        return
    for arranged in permutations(node.children):
        for parts in product(*(list(orders(child)) for child in arranged)):
            yield [member for part in parts for member in part]


def by_hand(root: Node, score: Callable[[np.ndarray, list[np.ndarray]], np.ndarray]) -> np.ndarray:
    found = []
    for order in orders(root):
        added = np.zeros(len(order))
        kept = np.zeros(len(order), bool)
        for member in order:
            with_it = kept.copy()
            with_it[member] = True
            before, after = score(np.zeros(2, int), [kept, with_it])
            added[member], kept = after - before, with_it
        found.append(added)
    return np.mean(found, axis=0)


def values(one: Explanation, players: int) -> np.ndarray:
    assert all(len(share.node.members) == 1 for share in one.shares)
    return one.by_player(players)


@pytest.mark.parametrize("name", TREES)
def test_all_coalitions_give_the_mean_over_all_orders_of_the_tree(name: str) -> None:
    root = TREES[name]
    players = len(root.members)
    (found,) = explain([root], table(players), evaluations=ALL, contexts=ALL)
    np.testing.assert_allclose(values(found, players), by_hand(root, table(players)), atol=1e-12)


def test_random_orders_come_near_and_antithetic_pairs_are_exact_for_pairwise_games() -> None:
    root = TREES["nested"]
    (found,) = explain([root], table(6), evaluations=ALL, contexts=4000, seed=3)
    np.testing.assert_allclose(values(found, 6), by_hand(root, table(6)), atol=0.05)
    generator = np.random.default_rng(1)
    alone, together = generator.normal(size=6), generator.normal(size=(6, 6))

    def pairwise(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([row @ alone + row @ together @ row for row in np.array(kept, float)])

    # An order and its reverse see each pair from both sides: two surroundings are enough.
    (found,) = explain([TREES["flat"]], lambda owner, kept: pairwise(owner, [np.append(k, False) for k in kept]))
    own = alone[:5] + together[:5, :5].sum(0) / 2 + together[:5, :5].sum(1) / 2
    np.testing.assert_allclose(values(found, 5), own, atol=1e-12)


@pytest.mark.parametrize("evaluations", [2, 5, 20, ALL])
def test_shares_sum_to_the_score_less_that_of_nobody_however_far_the_tree_is_opened(evaluations: int) -> None:
    players = 11
    root = split("all", np.arange(players), 3)
    (found,) = explain([root], table(players), evaluations=evaluations, contexts=2)
    assert found.evaluations <= evaluations
    members = np.concatenate([share.node.members for share in found.shares])
    assert sorted(members.tolist()) == list(range(players))
    assert sum(share.value for share in found.shares) == pytest.approx(found.score - found.empty, abs=1e-12)
    nobody, everybody = table(players)(np.zeros(2, int), [np.zeros(players, bool), np.ones(players, bool)])
    assert (found.empty, found.score) == (nobody, everybody)


def test_games_do_not_depend_on_those_beside_them() -> None:
    roots = [split("all", np.arange(size), 3) for size in (7, 3, 9)]
    games = [table(len(root.members)) for root in roots]

    def score(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([games[game](owner, [row]) for game, row in zip(owner, kept, strict=True)])

    together = explain(roots, score, evaluations=30)
    for root, game, found in zip(roots, games, together, strict=True):
        (alone,) = explain([root], game, evaluations=30)
        np.testing.assert_array_equal(alone.by_player(len(root.members)), found.by_player(len(root.members)))


def test_the_player_that_decides_is_found_among_many() -> None:
    players, guilty = 300, 211

    def score(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([0.1 + 0.7 * row[guilty] + 0.0001 * row.mean() for row in kept])

    (found,) = explain([split("all", np.arange(players), 4)], score, evaluations=40)
    first = found.shares[0]
    assert first.node.members.tolist() == [guilty]
    assert first.value == pytest.approx(0.7, abs=1e-5)


def test_no_games_have_no_explanations() -> None:
    (found,) = explain([Node("all", np.zeros(0, np.int64))], lambda owner, kept: np.full(len(kept), 0.3))
    assert (found.score, found.empty) == (0.3, 0.3)
    assert sum(share.value for share in found.shares) == 0


def test_groups_that_share_a_member_are_refused() -> None:
    with pytest.raises(ValueError, match="no partition"):
        Node("all", np.arange(2), (leaf(0), leaf(0)))


def test_faithfulness_is_the_ratio_of_the_moves() -> None:
    """Of 20 players two count 1 each, the others nothing: both are removed, or each with a chance of one in ten."""
    root = group(*(leaf(place) for place in range(20)))

    def score(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([float(row[3]) + float(row[17]) for row in kept])

    found = explain([root], score, evaluations=ALL)
    said = faithfulness(found, [20], score, draws=400)
    assert said.named == 2
    assert said.random == pytest.approx(0.2, abs=0.05)
    assert said.ratio == pytest.approx(said.named / said.random)
    assert said.low == said.high == pytest.approx(said.ratio)  # of one game nothing else can be drawn


def test_the_interval_of_faithfulness_holds_the_ratio_of_all_and_narrows_with_entities() -> None:
    roots = [group(*(leaf(place) for place in range(20))) for _ in range(200)]
    size = np.random.default_rng(1).exponential(1, 200)

    def score(owner: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        return np.array([size[game] * row[3] + 0.05 * row.sum() for game, row in zip(owner, kept, strict=True)])

    found = explain(roots, score, evaluations=ALL)
    few, many = (faithfulness(found[:n], [20] * n, lambda o, k: score(o, k)) for n in (20, 200))
    for said in (few, many):
        assert said.low < said.ratio < said.high
    assert many.high - many.low < few.high - few.low


def test_a_long_stretch_is_split_evenly_and_only_as_far_as_it_is_opened() -> None:
    made: list[Node] = []

    def seen(node: Node) -> list[np.ndarray]:
        made.append(node)
        return [leaf for child in node.children for leaf in seen(child)] if node.children else [node.members]

    members = np.arange(100, 122)
    root = split("all", members, 4)
    assert "children" not in vars(root)
    assert [child.members.tolist() for child in root.children] == [part.tolist() for part in np.array_split(members, 4)]
    assert not any("children" in vars(child) for child in root.children)
    assert [leaf.tolist() for leaf in seen(root)] == [[member] for member in members]
    assert all(len(node.children) <= 4 for node in made)


def test_parts_that_are_made_late_must_be_a_partition_too() -> None:
    late = Node("all", np.arange(2), lambda: (leaf(0), leaf(0)))
    with pytest.raises(ValueError, match="no partition"):
        _ = late.children
