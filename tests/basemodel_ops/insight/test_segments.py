"""Planted groups are found, their number with them; ids and members stay from week to week."""

import numpy as np
import pytest

from basemodel_ops.insight.segments import LEVELS, STAY, Tree, agreement, grow, name_groups


def planted(generator: np.random.Generator, counts: tuple[int, ...] = (4, 3), value: int = 60) -> tuple:
    """Rows of groups far apart, each of groups less far apart, and the numbers of both."""
    outer = generator.normal(size=(counts[0], 8)) * 40
    rows, first, second = [], [], []
    for group, centre in enumerate(outer):
        for inner in range(counts[1]):
            shift = np.eye(8)[inner] * 8
            rows.append(centre + shift + generator.normal(size=(value, 8)) * 0.5)
            first += [group] * value
            second += [group * counts[1] + inner] * value
    return np.concatenate(rows).astype(np.float32), np.array(first), np.array(second)


@pytest.fixture(scope="module")
def segmented() -> tuple[np.ndarray, np.ndarray, np.ndarray, Tree]:
    rows, first, second = planted(np.random.default_rng(3))
    return rows, first, second, grow(rows, 0)


def test_groups_and_groups_within_them_are_those_that_were_planted(segmented) -> None:
    rows, first, second, tree = segmented
    group, _ = tree.assign(rows)
    assert len(tree.children(-1)) == 4
    assert agreement(group[:, 0], first) == 1
    assert agreement(group[:, 1], second) == 1


def test_noise_within_a_group_is_not_divided(segmented) -> None:
    *_, tree = segmented
    assert set(tree.level.tolist()) == {1, 2}


def test_the_same_seed_gives_the_same_bytes(segmented) -> None:
    rows, _, _, tree = segmented
    again = grow(rows, 0)
    assert all(np.array_equal(value, again.arrays()[name]) for name, value in tree.arrays().items())


@pytest.mark.parametrize("count", [1, 9, 200])
def test_everyone_alike_is_one_group(count: int) -> None:
    tree = grow(np.ones((count, 5)), 0)
    group, distance = tree.assign(np.ones((count, 5), np.float32))
    assert len(tree) == 1
    assert (group[:, 0] == 0).all()
    assert (group[:, 1:] == -1).all()
    assert (distance[:, 0] == 0).all()


def test_distances_are_those_to_the_centre_and_children_follow_parents(segmented) -> None:
    rows, _, _, tree = segmented
    group, distance = tree.assign(rows)
    for row in range(0, len(rows), 37):
        for level in range(LEVELS):
            if (current := group[row, level]) >= 0:
                siblings = tree.children(-1 if level == 0 else int(group[row, level - 1]))
                apart = {int(entry): np.linalg.norm(rows[row] - tree.centre[entry]) for entry in siblings}
                assert current == min(apart, key=lambda entry: apart[entry])
                assert distance[row, level] == pytest.approx(apart[int(current)], abs=1e-4)


def test_whoever_lies_on_the_border_stays_and_who_crosses_it_moves() -> None:
    tree = Tree(np.array([[0.0], [10.0]], np.float32), np.array([-1, -1]), np.ones(2))
    rows = np.array([[5.05], [6.0]], np.float32)
    assert 5.05 / STAY < 4.95
    assert tree.assign(rows)[0][:, 0].tolist() == [1, 1]
    before = np.array([[0, -1, -1], [0, -1, -1]])
    assert tree.assign(rows, before)[0][:, 0].tolist() == [0, 1]


def test_ids_follow_members_when_the_groups_are_numbered_anew(segmented) -> None:
    rows, _, _, tree = segmented
    group, _ = tree.assign(rows)
    ids = name_groups(tree, group)
    before = np.array([*ids, ""], object)[group]
    # The same groups in another order: parents stay in front of their children.
    order = np.concatenate([tree.children(-1)[::-1], np.flatnonzero(tree.parent >= 0)[::-1]])
    row_index = np.argsort(order)
    other = Tree(
        tree.centre[order], np.where(tree.parent[order] >= 0, row_index[tree.parent[order]], -1), tree.agreement
    )
    again, _ = other.assign(rows)
    named = np.array([*name_groups(other, again, before), ""], object)[again]
    assert np.array_equal(named, before)
    assert not np.array_equal(np.array([*name_groups(other, again), ""], object)[again], before)


def test_a_new_group_gets_a_new_number_and_no_old_one(segmented) -> None:
    rows, first, _, tree = segmented
    group, _ = tree.assign(rows)
    before = np.full(group.shape, "", object)
    before[first == 0, 0] = "7"
    ids = name_groups(tree, group, before)
    top = [ids[entry] for entry in tree.children(-1)]
    assert sorted(top) == ["10", "7", "8", "9"]
    assert {ids[entry] for entry in group[first == 0, 0]} == {"7"}
    assert len(set(ids)) == len(ids)


def test_groups_of_no_week_before_are_numbered_alike_in_any_order_of_the_tree(segmented) -> None:
    rows, first, _, tree = segmented
    before = np.full((len(rows), LEVELS), "", object)
    before[first == 0, 0] = "7"  # and no group within it
    order = np.concatenate([tree.children(-1)[::-1], np.flatnonzero(tree.parent >= 0)[::-1]])
    row_index = np.argsort(order)
    other = Tree(
        tree.centre[order], np.where(tree.parent[order] >= 0, row_index[tree.parent[order]], -1), tree.agreement
    )
    first_named, second_named = (
        np.array([*name_groups(entry, group, before), ""], object)[group]
        for entry, group in ((entry, entry.assign(rows)[0]) for entry in (tree, other))
    )
    assert np.array_equal(first_named, second_named)


def test_ids_say_where_a_group_stands(segmented) -> None:
    rows, _, _, tree = segmented
    ids = name_groups(tree, tree.assign(rows)[0])
    for group, parent in enumerate(tree.parent.tolist()):
        assert ids[group].rpartition(".")[0] == ("" if parent < 0 else ids[parent])
