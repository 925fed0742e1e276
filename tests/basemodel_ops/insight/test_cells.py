"""Neighbours by cells are the exact ones where all cells are looked into, and nearly so where few are."""

import numpy as np
import pytest

from basemodel_ops.insight.cells import Cells, nearest_in_cells, recall_of
from basemodel_ops.insight.neighbours import Directions, nearest

TOTAL, K = 900, 7


@pytest.fixture(scope="module")
def directions() -> Directions:
    """Thirty clusters, as people of a kind are."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(30, 16))
    kind = generator.integers(0, 30, TOTAL)
    return Directions((centres[kind] + 0.5 * generator.normal(size=(TOTAL, 16))).astype(np.float16))


@pytest.fixture(scope="module")
def cells(directions: Directions) -> Cells:
    return Cells(directions, seed=0, size=60)


def exact(directions: Directions, k: int = K) -> np.ndarray:
    return np.concatenate([result for _, result, _ in nearest(directions, k)])


def found_by(directions: Directions, cells: Cells, probes: int, k: int = K) -> np.ndarray:
    rows, result, cosines = (
        np.concatenate(part) for part in zip(*nearest_in_cells(directions, cells, k, probes), strict=True)
    )
    assert sorted(rows.tolist()) == list(range(TOTAL))
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert not (result == rows[:, None]).any()
    return result[np.argsort(rows)]


def test_every_entity_is_in_the_cell_of_its_nearest_centre(directions: Directions, cells: Cells) -> None:
    nearest_centre = (directions.of(np.arange(TOTAL)) @ cells.centres.T).argmax(axis=1)
    members = [cells.members(cell) for cell in range(len(cells))]
    assert sorted(np.concatenate(members).tolist()) == list(range(TOTAL))
    for cell, current in enumerate(members):
        assert (nearest_centre[current] == cell).all()


def test_all_cells_give_the_exact_neighbours(directions: Directions, cells: Cells) -> None:
    # Float32 may swap two that are as near as makes no difference.
    assert (found_by(directions, cells, len(cells)) == exact(directions)).mean() > 0.99


@pytest.mark.parametrize("probes", [1, 3])
def test_recall_is_the_share_of_the_true_ones_that_are_found(directions: Directions, cells: Cells, probes: int) -> None:
    true, result = exact(directions), found_by(directions, cells, probes)
    share = np.mean([len(set(a) & set(b)) / K for a, b in zip(true.tolist(), result.tolist(), strict=True)])
    assert abs(recall_of(directions, cells, K, seed=0, probes=probes) - share) < 0.05
    assert share > (0.5 if probes == 1 else 0.8)


def test_small_cells_are_joined_until_there_are_enough(directions: Directions, cells: Cells) -> None:
    result = found_by(directions, cells, 1, k=200)
    assert result.shape == (TOTAL, 200)
    assert all(len(set(row)) == 200 for row in result.tolist())


def test_the_same_seed_makes_the_same_cells(directions: Directions, cells: Cells) -> None:
    assert np.array_equal(Cells(directions, seed=0, size=60).centres, cells.centres)
