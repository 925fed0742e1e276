"""Draws of entities against those made one entity at a time."""

import numpy as np

from basemodel_ops.tasks.draws import EntityDraws


def test_rows_of_an_entity_come_together_as_often_as_it_is_drawn() -> None:
    entity_index = np.array([7, 3, 7, 9, 3, 7])
    rows = EntityDraws(entity_index).rows(np.random.default_rng(5))
    drawn = np.array([3, 7, 9])[np.random.default_rng(5).integers(0, 3, 3)]
    assert rows.tolist() == [row for entity in drawn for row in np.flatnonzero(entity_index == entity)]


def test_draws_follow_each_other_from_one_generator() -> None:
    draws, generator = EntityDraws(np.arange(50)), np.random.default_rng(0)
    first, second = draws.rows(generator), draws.rows(generator)
    assert len(first) == len(second) == 50
    assert first.tolist() != second.tolist()
    assert set(first.tolist()) <= set(range(50))
