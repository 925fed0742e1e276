"""Numbers by item: which columns have them, and that a row holds what plain sums, means and newest values say."""

from dataclasses import replace

import numpy as np
import pytest

from basemodel_ops.representation import history_layout, history_values
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.item_numbers import FEW, ITEMS, MOST, measured_items, numbers_each
from basemodel_ops.representation.observed import decay_factors

from .histories import FIRST, plan, random_history

HALF_LIVES, WINDOWS = (7.0, 90.0), (7,)


def test_numbers_are_told_by_columns_of_few_values() -> None:
    sizes = {"product": FEW + 1, "type": 2, "currency": 1, "channel": FEW}
    assert measured_items(sizes, ["amount"], 2) == {"type": 2, "channel": ITEMS}
    assert measured_items(sizes, [], 2) == {}


@pytest.mark.parametrize("numbers", [1, 7, 40, 1000])
def test_there_are_so_many_at_most_and_columns_that_stand_first_have_them(numbers: int) -> None:
    sizes = {f"column {entry}": ITEMS for entry in range(100)}
    result = measured_items(sizes, [str(entry) for entry in range(numbers)], 2)
    assert sum(result.values()) * numbers_each(numbers, 2) <= MOST
    assert list(result) == list(sizes)[: len(result)]
    assert len(result) == min(100, MOST // numbers_each(numbers, 2) // ITEMS)


@pytest.mark.parametrize("seed", range(3))
def test_a_row_holds_the_numbers_of_each_item(seed: int) -> None:
    history, plans = random_history(seed), [replace(plan(), measured={"kind": 3})]
    cutoffs = FIRST + np.array([9, 20]) * DAY
    layout = history_layout(plans, HALF_LIVES, HALF_LIVES, WINDOWS)
    values = history_values([history], plans, cutoffs, HALF_LIVES, HALF_LIVES, WINDOWS).astype(np.float64)
    factors = decay_factors(cutoffs, FIRST, np.array(HALF_LIVES))
    entity_index = np.repeat(np.arange(history.entities), np.diff(history.start))
    sums, means, (last,) = (layout.select(f"item_{kind}") for kind in ("sum", "mean", "last"))
    for blocks in (sums, means):
        assert [(block.column, block.detail, block.length) for block in blocks] == [
            ("kind", f"value/{half_life:g}", 3) for half_life in HALF_LIVES
        ]
    for entity, c, item in np.ndindex(history.entities, 2, 3):
        seen = (entity_index == entity) & (history.time < cutoffs[c]) & (history.item_ids["kind"] == item)
        known = history.numbers["value"][seen]
        row, age = values[entity, c], (cutoffs[c] - history.time[seen]) / DAY
        wanted = {last.offset: known[np.isfinite(known)][-1:].sum()}
        for number, half_life in enumerate(HALF_LIVES):
            weight = 2.0 ** (-age / half_life) * np.isfinite(known)
            total = np.nansum(weight * known)
            wanted[sums[number].offset] = total * factors[c, number]
            wanted[means[number].offset] = total / weight.sum() if weight.sum() > 0 else 0
        for offset, number in wanted.items():
            expected = np.sign(number) * np.log1p(abs(number))
            np.testing.assert_allclose(row[offset + item], expected, rtol=2e-3, atol=2e-3)
