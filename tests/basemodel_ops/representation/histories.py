"""Histories made up for tests."""

from dataclasses import replace

import numpy as np

from basemodel_ops.emde import identity_codes
from basemodel_ops.representation import History, SourcePlan
from basemodel_ops.representation.history import DAY

HOUR = DAY // 24
FIRST = 19_700 * DAY


def history_of(entity_index: np.ndarray, time: np.ndarray, entities: int, seed: int = 0) -> History:
    """Random events of these owners at these times: sessions, one small and one large category, one number."""
    generator = np.random.default_rng(seed)
    order = np.lexsort((time, entity_index))
    entity_index, time = entity_index[order], time[order]
    numbers = generator.normal(0, 50, len(entity_index)).astype(np.float32)
    numbers[generator.random(len(entity_index)) < 0.1] = np.nan
    return History(
        np.searchsorted(entity_index, np.arange(entities + 1)).astype(np.int64),
        time.astype(np.int64),
        # A session is of one day.
        time // DAY * 4 + generator.integers(0, 3, len(entity_index)),
        {
            "kind": generator.integers(-1, 4, len(entity_index)).astype(np.int32),
            "item": generator.integers(-1, 30, len(entity_index)).astype(np.int32),
        },
        {"value": numbers},
    )


def random_history(seed: int, entities: int = 4, events: int = 60, days: int = 30) -> History:
    """Events at whole hours, so that some stand exactly at a cutoff."""
    generator = np.random.default_rng(seed)
    time = FIRST + generator.integers(0, days * 24, events) * HOUR
    return history_of(generator.integers(0, entities, events), time, entities, seed)


def concatenated(first: History, second: History) -> History:
    """The events of both, entity by entity."""
    entity_index = np.concatenate([np.repeat(np.arange(h.entities), np.diff(h.start)) for h in (first, second)])
    time = np.concatenate([first.time, second.time])
    order = np.lexsort((time, entity_index))
    assert first.session is not None
    assert second.session is not None
    return History(
        np.searchsorted(entity_index[order], np.arange(first.entities + 1)).astype(np.int64),
        time[order],
        np.concatenate([first.session, second.session])[order],
        {name: np.concatenate([first.item_ids[name], second.item_ids[name]])[order] for name in first.item_ids},
        {name: np.concatenate([first.numbers[name], second.numbers[name]])[order] for name in first.numbers},
    )


def where(history: History, keep: np.ndarray) -> History:
    """The events that `keep` (events,) names."""
    entity_index = np.repeat(np.arange(history.entities), np.diff(history.start))[keep]
    return replace(
        history,
        start=np.searchsorted(entity_index, np.arange(history.entities + 1)).astype(np.int64),
        time=history.time[keep],
        session=None if history.session is None else history.session[keep],
        item_ids={name: codes[keep] for name, codes in history.item_ids.items()},
        numbers={name: numbers[keep] for name, numbers in history.numbers.items()},
    )


def plan(name: str = "visits") -> SourcePlan:
    """Kinds kept exactly and numbers measured by three of them, items sketched and pooled."""
    generator = np.random.default_rng(7)
    codes = identity_codes(generator.integers(0, 2**63, 30).astype(np.uint64), 3, 8)
    vectors = generator.standard_normal((30, 5)).astype(np.float32)
    return SourcePlan(
        name, FIRST, ("value",), {"kind": 4}, {"item": codes}, {"item": vectors}, 8, 2, measured={"kind": 3}
    )
