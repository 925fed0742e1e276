"""What is put into windows is there, in its window alone."""

import numpy as np
import pytest

from basemodel_ops.encoders.time import HOUR
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from benchmarks.quality.injections import KINDS, LEAST_BURST, SHIFT, injected

ENTITIES, DAYS, LOW, HIGH = 12, 60, 40 * DAY, 60 * DAY


@pytest.fixture(scope="module")
def history() -> History:
    """An event a day of everyone, at the entity's own hour and of its own three items; entity 0 stops early."""
    draw = np.random.default_rng(0)
    days = [np.arange(40 if entity == 0 else DAYS) for entity in range(ENTITIES)]
    time = np.concatenate([day * DAY + (entity + 6) * HOUR for entity, day in enumerate(days)])
    item = np.concatenate([3 * entity + draw.integers(0, 3, len(day)) for entity, day in enumerate(days)])
    start = np.concatenate([[0], np.cumsum([len(day) for day in days])])
    codes = {"item": item.astype(np.int32), "at/0": (time // HOUR % 24).astype(np.int32)}
    return History(start, time, None, codes, {"price": item.astype(np.float32)})


def changed(history: History, kind: str) -> History:
    (result,) = injected([history], ["at"], kind, LOW, HIGH, 0)
    return result


def window(history: History, entity: int) -> slice:
    low, high = history.positions(np.array([LOW, HIGH]))[entity]
    return slice(low, high)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_before_the_window_stays(history: History, kind: str) -> None:
    result = changed(history, kind)
    for entity in range(ENTITIES):
        before, now = (
            slice(entry.start[entity], entry.positions(np.array([LOW]))[entity, 0]) for entry in (history, result)
        )
        np.testing.assert_array_equal(result.time[now], history.time[before])
        np.testing.assert_array_equal(result.item_ids["item"][now], history.item_ids["item"][before])
    assert all((np.diff(result.time[a:b]) >= 0).all() for a, b in zip(result.start, result.start[1:], strict=False))


def test_each_kind_is_what_it_says(history: History) -> None:
    created = {kind: changed(history, kind) for kind in KINDS}
    assert np.diff(created["silence"].start).sum() == 40 * ENTITIES
    for entity in range(1, ENTITIES):
        current = range(3 * entity, 3 * entity + 3)
        result = {kind: (entry, window(entry, entity)) for kind, entry in created.items()}
        items = {kind: entry.item_ids["item"][rows] for kind, (entry, rows) in result.items()}
        assert not np.isin(items["another entity's events"], current).any()
        assert len(items["burst"]) >= 20 + LEAST_BURST
        assert np.isin(items["burst"], current).all()
        assert (~np.isin(items["new category"], current)).sum() == 10
        entry, rows = result["shift of hours"]
        assert set(entry.item_ids["at/0"][rows]) == {(entity + 6 + SHIFT) % 24}
        np.testing.assert_array_equal(entry.time[rows] // HOUR % 24, entry.item_ids["at/0"][rows])
