"""Rows of a shard at shared cutoffs and at those of each entity: events, facts and the calendar alike."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel_ops.representation.elapsed import elapsed_specs
from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.features.attributes import UNKNOWN, EntityAttributes, Moment
from basemodel_ops.stages.features.builder import Builder
from tests.basemodel_ops.representation.histories import FIRST, HOUR, plan, random_history

SEEDS = st.integers(0, 10_000)
LOW, ENTITIES, COUNT = 3, 4, 5
CALENDAR = [("calendar", "", "", "", 2)]


def facts_of(seed: int, planned: bool = False) -> EntityAttributes:
    """Facts of ten entities, known from whole hours on: two numbers, of which the second says a moment's hour."""
    generator = np.random.default_rng(seed)
    entity_index, since = generator.integers(0, 10, 40), FIRST + generator.integers(0, 30 * 24, 40) * HOUR
    order = np.lexsort((since, entity_index))
    values = generator.integers(1, 9, (40, 2)).astype(np.float16)
    layout = [("attribute", "people", "tariff", "", 2), *elapsed_specs("people", ("signed_up",), with_lead=False)]
    timestamp = FIRST + generator.integers(-9, 40 * 24, 40) * HOUR
    timestamp[::7] = UNKNOWN
    moments = (Moment(timestamp, planned, features=slice(1, 2), has_days=True),)
    return EntityAttributes(layout, values, entity_index[order], since[order], np.full(40, 2**62), moments)


def cutoffs_per_entity(seed: int) -> np.ndarray:
    """Whole hours, some repeated, the last one always."""
    cutoffs = FIRST + np.sort(np.random.default_rng(seed).integers(0, 32 * 24, (ENTITIES, COUNT - 1)), axis=1) * HOUR
    return np.hstack([cutoffs, cutoffs[:, -1:]])


@settings(max_examples=20, deadline=None)
@given(SEEDS, SEEDS, st.booleans())
def test_attributes_are_the_newest_known_strictly_before_the_own_cutoff(seed: int, other: int, planned: bool) -> None:
    attributes, cutoffs = facts_of(seed, planned), cutoffs_per_entity(other)
    result = attributes.at(LOW, LOW + ENTITIES, cutoffs)
    for entity, row in enumerate(cutoffs):
        np.testing.assert_array_equal(result[entity], attributes.at(LOW, LOW + ENTITIES, row)[entity])
        for index, cutoff in enumerate(row):
            known = np.flatnonzero((attributes.entity_index == LOW + entity) & (attributes.since < cutoff))
            expected = np.zeros(4)
            if len(known):
                expected[:2], moment = attributes.values[known[-1]], int(attributes.moments[0].timestamp[known[-1]])
                if moment >= cutoff and not planned:
                    expected[1] = 0  # its hour is as unknown as its date
                elif moment > UNKNOWN:
                    days = (cutoff - moment) / DAY
                    expected[2:] = np.sign(days) * np.log1p(abs(days)), 1
            np.testing.assert_allclose(result[entity, index], expected, rtol=1e-3)


@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS)
def test_a_row_of_a_shard_says_what_its_cutoffs_say_for_all(seed: int, other: int) -> None:
    half_lives = SimpleNamespace(half_lives=(7.0, 90.0), counted_half_lives=(7.0,), windows=(1, 7))
    builder = SimpleNamespace(settings=half_lives, plans=[plan()], attributes=[facts_of(seed)], calendar=CALENDAR)
    histories, cutoffs = [random_history(seed, ENTITIES)], cutoffs_per_entity(other)
    result = Builder.values(cast(Builder, builder), LOW, histories, cutoffs)
    assert result.dtype == np.float16
    for entity, row in enumerate(cutoffs):
        shared = Builder.values(cast(Builder, builder), LOW, histories, row)
        np.testing.assert_array_equal(result[entity], shared[entity])
    np.testing.assert_array_equal(result[:, -1], result[:, -2])  # a repeated cutoff says the same again
    angle = cutoffs / DAY * (2 * np.pi / 365.2425)
    np.testing.assert_allclose(result[..., -2:], np.stack([np.sin(angle), np.cos(angle)], axis=-1), atol=1e-3)


def test_cutoffs_of_another_shard_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        facts_of(1).at(LOW, LOW + 2, cutoffs_per_entity(1))
