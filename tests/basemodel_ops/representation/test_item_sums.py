"""Sums of numbers by item: which columns have them, and that a row holds what a plain sum says."""

from dataclasses import replace

import numpy as np
import pytest

from basemodel_ops.representation import history_layout, history_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.item_sums import FEW, ITEMS, MOST, summed_items
from basemodel_ops.representation.observed import decay_factors

from .histories import FIRST, plan, random_history

HALF_LIVES, WINDOWS = (7.0, 90.0), (7,)


def test_numbers_are_summed_by_columns_of_few_values() -> None:
    sizes = {"product": FEW + 1, "type": 2, "currency": 1, "channel": FEW}
    assert summed_items(sizes, ["amount"], 2) == {"type": 2, "channel": ITEMS}
    assert summed_items(sizes, [], 2) == {}


@pytest.mark.parametrize("numbers", [1, 7, 40, 1000])
def test_there_are_so_many_sums_at_most_and_columns_that_stand_first_have_them(numbers: int) -> None:
    sizes = {f"column {entry}": ITEMS for entry in range(100)}
    result = summed_items(sizes, [str(entry) for entry in range(numbers)], 2)
    assert sum(result.values()) * numbers * 2 <= MOST
    assert list(result) == list(sizes)[: len(result)]
    assert len(result) == min(100, MOST // (numbers * 2 * ITEMS))


@pytest.mark.parametrize("seed", range(3))
def test_a_row_holds_the_sum_of_each_item(seed: int) -> None:
    history, plans = random_history(seed), [replace(plan(), summed={"kind": 3})]
    cutoffs = FIRST + np.array([9, 20]) * DAY
    layout = history_layout(plans, HALF_LIVES, HALF_LIVES, WINDOWS)
    values = history_values([history], plans, cutoffs, HALF_LIVES, HALF_LIVES, WINDOWS).astype(np.float64)
    factors = decay_factors(cutoffs, FIRST, np.array(HALF_LIVES))
    entity_index = np.repeat(np.arange(history.entities), np.diff(history.start))
    blocks = layout.select("item_sum")
    assert [(block.column, block.detail, block.length) for block in blocks] == [
        ("kind", f"value/{half_life:g}", 3) for half_life in HALF_LIVES
    ]
    for number, (block, half_life) in enumerate(zip(blocks, HALF_LIVES, strict=True)):
        for entity, c, item in np.ndindex(history.entities, 2, 3):
            seen = (entity_index == entity) & (history.time < cutoffs[c]) & (history.item_ids["kind"] == item)
            weight = 2.0 ** (-(cutoffs[c] - history.time[seen]) / DAY / half_life)
            total = np.nansum(weight * history.numbers["value"][seen]) * factors[c, number]
            expected = np.sign(total) * np.log1p(abs(total))
            np.testing.assert_allclose(values[entity, c, block.offset + item], expected, rtol=2e-3, atol=2e-3)
