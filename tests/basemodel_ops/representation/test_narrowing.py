"""A row is kept within bounds by leaving out the widest of what says least, and never what was asked for."""

import numpy as np
import pytest

from basemodel_ops.errors import DataError
from basemodel_ops.representation import Density, SourcePlan, history_layout
from basemodel_ops.representation.narrowing import narrow

HALF_LIVES = ((28.0, 365.0), (7.0, 28.0, 365.0), (7, 28))


def source(name: str) -> SourcePlan:
    """A source that mentions things with facts of every kind."""
    cells = {"amount": 32, "item.price/0": 60, "item.price/1": 60, "item.stock": 32, "at/0": 24}
    densities = {"note": Density(("note",), 64), "item.title": Density(("item",), 64, np.zeros((3, 8), np.int32))}
    items = {"item": 100, "item.brand": 128, "item.maker": 20}
    return SourcePlan(name, 0, ("amount",), items, {}, {}, 128, 8, cells, densities)


def length(plans: list[SourcePlan]) -> int:
    return history_layout(plans, *HALF_LIVES).length


def test_nothing_is_left_out_of_rows_that_are_short_enough() -> None:
    plans = [source("a"), source("b")]
    kept, left = narrow(plans, length(plans), *HALF_LIVES)
    assert kept == plans
    assert left == []


@pytest.mark.parametrize("most", [4000, 3000, 2400, 2000])
def test_rows_are_within_bounds_and_what_was_left_out_adds_up(most: int) -> None:
    plans = [source("a"), source("b")]
    kept, left = narrow(plans, most, *HALF_LIVES)
    assert length(kept) <= most
    assert length(plans) - length(kept) == sum(entry.numbers for entry in left)


def test_cells_of_attributes_go_first_and_the_widest_of_them_before_others() -> None:
    plans = [source("a")]
    _, left = narrow(plans, length(plans) - 1, *HALF_LIVES)
    assert [(entry.column, entry.kind) for entry in left] == [("item.price", "cells of facts")]
    _, left = narrow(plans, 1500, *HALF_LIVES)
    ranks = [entry.kind for entry in left]
    assert ranks == sorted(ranks, key=["cells of facts", "texts of facts", "categories of facts", "cells"].index)


def test_a_column_that_a_task_asks_for_stays() -> None:
    plans = [source("a")]
    kept, left = narrow(plans, 1210, *HALF_LIVES, kept={("a", "item.brand")})
    assert "item.brand" in kept[0].top_items
    assert "item.brand" not in {entry.column for entry in left}


def test_what_cannot_be_made_short_enough_is_refused_with_numbers() -> None:
    with pytest.raises(DataError, match=r"takes [\d,]+ numbers without all that can be left out, and at most 100"):
        narrow([source("a")], 100, *HALF_LIVES)
