"""Runs of the same item against `itertools.groupby` over the events of one entity at a time."""

from itertools import groupby
from math import log1p

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.recent import MINUTE
from basemodel_ops.representation.runs import RUN, run_specs, run_values
from basemodel_ops.representation.scalars import ABSENT_DAYS

from .histories import FIRST, HOUR, random_history, where

COLUMNS = ["kind", "item"]


def expected(history: History, entity: int, cutoff: int, column: str) -> list[float]:
    """What a plain loop finds in one entity's events before the cutoff."""
    rows = [r for r in range(history.start[entity], history.start[entity + 1]) if history.time[r] < cutoff]
    if not rows:
        return [0, log1p(ABSENT_DAYS * 24 * 60), 0]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: history.item_ids[column][row])]
    age = (cutoff - history.time[groups[-1][0]]) / MINUTE
    return [log1p(len(groups[-1])), log1p(age), len(groups) / len(rows)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 80))
def test_runs_are_those_of_a_plain_loop(seed: int, events: int) -> None:
    history = random_history(seed, 4, events)
    cutoffs = FIRST + np.array([0, 9 * 24, 20 * 24, 31 * 24]) * HOUR
    result = run_values(history, COLUMNS, cutoffs)
    assert result.shape == (4, len(cutoffs), len(run_specs("visits", COLUMNS)))
    for entity in range(4):
        for at, cutoff in enumerate(cutoffs.tolist()):
            described = np.concatenate([expected(history, entity, cutoff, column) for column in COLUMNS])
            np.testing.assert_allclose(result[entity, at], described, rtol=1e-5)


def test_events_at_or_after_a_cutoff_change_nothing() -> None:
    history, cutoff = random_history(5), FIRST + 15 * DAY
    current = np.array([cutoff])
    before = where(history, history.time < cutoff)
    assert len(before.time) < len(history.time)
    np.testing.assert_array_equal(run_values(history, COLUMNS, current), run_values(before, COLUMNS, current))


def test_cutoffs_of_each_entity_are_its_own() -> None:
    history = random_history(6)
    current = FIRST + np.arange(4)[:, None] * 5 * DAY + np.array([2, 11]) * DAY
    result = run_values(history, COLUMNS, current)
    for entity in range(4):
        np.testing.assert_array_equal(result[entity], run_values(history, COLUMNS, current[entity])[entity])


@pytest.mark.parametrize("events", [0, 60])
def test_a_source_without_categories_has_no_runs(events: int) -> None:
    assert run_values(random_history(1, 4, events), [], np.array([FIRST])).shape == (4, 1, 0)


def test_a_long_run_survives_half_precision() -> None:
    events = 200_000
    codes = {"kind": np.zeros(events, np.int32)}
    history = History(np.array([0, events]), FIRST + np.arange(events) * 1_000_000, None, codes, {})
    result = run_values(history, ["kind"], np.array([FIRST + 400 * DAY]))[0, 0].astype(np.float16)
    assert np.isfinite(result).all()
    assert len(result) == len(RUN)
