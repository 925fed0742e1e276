"""Oddities put into windows of histories: another entity's events, a burst, items never had, other hours, silence."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from basemodel_ops.encoders import track_names
from basemodel_ops.encoders.time import HOUR, HOURS, WEEKDAYS
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.sessions import session_indices

BURST, LEAST_BURST = 4, 8
"""A burst has so many times as many occasions as the window had, and at least so many more."""

SHIFT = 9
"""Hours by which events are shifted."""


@dataclass(frozen=True)
class Drawn:
    """Events of one source: the entity of each, the events whose columns and whose items it has, and its time."""

    entity_index: np.ndarray
    event: np.ndarray
    item: np.ndarray
    time: np.ndarray
    session: np.ndarray | None

    @classmethod
    def of(cls, history: History) -> "Drawn":
        """All events of a history as they are."""
        entity_index, event = (
            np.repeat(np.arange(history.entities), np.diff(history.start)),
            np.arange(len(history.time)),
        )
        return cls(entity_index, event, event, history.time.copy(), history.session)

    def subset(self, rows: np.ndarray) -> "Drawn":
        """Chosen ones (positions or bool)."""
        session = None if self.session is None else self.session[rows]
        return Drawn(self.entity_index[rows], self.event[rows], self.item[rows], self.time[rows], session)

    def with_more(self, other: "Drawn") -> "Drawn":
        """Both together."""
        session = None if self.session is None or other.session is None else np.append(self.session, other.session)
        columns = [
            np.append(getattr(self, name), getattr(other, name)) for name in ("entity_index", "event", "item", "time")
        ]
        return Drawn(*columns, session)

    def history(self, similar: History, time: str) -> History:
        """A history of these, with codes of their own times; `time` is the name of the column."""
        order = np.lexsort((np.arange(len(self.time)), self.time, self.entity_index))
        event, item, moment = self.event[order], self.item[order], self.time[order]
        hours, weekdays = (track_names(time, 3)[row] for row in (HOURS, WEEKDAYS))
        codes = {name: values[item] for name, values in similar.item_ids.items()}
        for track, values in ((hours, moment // HOUR % 24), (weekdays, (moment // DAY + 3) % 7)):
            if track in codes:
                codes[track] = values.astype(np.int32)
        start = np.searchsorted(self.entity_index[order], np.arange(similar.entities + 1)).astype(np.int64)
        session = None if self.session is None else self.session[order]
        return History(start, moment, session, codes, {name: values[event] for name, values in similar.numbers.items()})


Inject = Callable[[Drawn, np.ndarray, History, int, int, np.random.Generator], Drawn]
"""Changes the events of everybody's window: all events, which are in the window, the history, its start and end."""


def another(events: Drawn, within: np.ndarray, history: History, low: int, high: int, draw: np.random.Generator):
    """Everyone has the events of another who has some."""
    current, outside = events.subset(within), events.subset(~within)
    active = np.unique(current.entity_index)
    donor = active[(np.arange(history.entities) + draw.integers(1, max(len(active), 2))) % len(active)]
    donor = np.where(donor == np.arange(history.entities), active[0], donor)
    first, last = (np.searchsorted(current.entity_index, donor, side=side) for side in ("left", "right"))
    entity_index = np.repeat(np.arange(history.entities), last - first)
    taken = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    result = current.subset(taken)
    return outside.with_more(Drawn(entity_index, result.event, result.item, result.time, result.session))


def burst(events: Drawn, within: np.ndarray, history: History, low: int, high: int, draw: np.random.Generator) -> Drawn:
    """Everyone has many more occasions, like those that they had before, at their own hours."""
    session_of = session_indices(events.entity_index, events.time, events.session)
    entity_index = events.entity_index[np.searchsorted(session_of, np.arange(session_of[-1] + 1))]  # of each occasion
    current = np.bincount(entity_index[np.unique(session_of[within])], minlength=history.entities)
    first, last = (np.searchsorted(entity_index, np.arange(history.entities), side=side) for side in ("left", "right"))
    more = np.where(last > first, np.maximum((BURST - 1) * current, LEAST_BURST), 0)
    taken = np.repeat(first, more) + (draw.random(more.sum()) * np.repeat(last - first, more)).astype(int)
    begin, end = (np.searchsorted(session_of, taken, side=side) for side in ("left", "right"))
    rows = np.concatenate([np.arange(*pair) for pair in zip(begin, end, strict=True)])
    number = np.repeat(np.arange(len(taken)), end - begin)
    day = draw.integers(0, (high - low) // DAY, len(taken))[number]
    result = events.subset(rows)
    time = low + day * DAY + (result.time - low) % DAY
    session = None if events.session is None else -1 - number
    return events.with_more(Drawn(result.entity_index, result.event, result.item, time, session))


def category(events: Drawn, within: np.ndarray, history: History, low: int, high: int, draw: np.random.Generator):
    """Half of everyone's events, and at least one, are of an item that they never had and others have."""
    codes = max(history.item_ids.values(), key=lambda values: int(values.max(initial=0)))
    item = events.item.copy()
    rows = np.flatnonzero(within)
    for entity in np.unique(events.entity_index[rows]):
        chosen = rows[events.entity_index[rows] == entity]
        had = np.unique(codes[events.item[events.entity_index == entity]])
        others = np.flatnonzero(~np.isin(codes, had) & (codes >= 0))
        if len(others):
            item[draw.permutation(chosen)[: max(len(chosen) // 2, 1)]] = draw.choice(others)
    return Drawn(events.entity_index, events.event, item, events.time, events.session)


def hours(events: Drawn, within: np.ndarray, history: History, low: int, high: int, draw: np.random.Generator):
    """Everyone's events happen `SHIFT` hours later on the same day."""
    day = events.time // DAY * DAY
    shifted = day + (events.time - day + SHIFT * HOUR) % DAY
    time = np.where(within, shifted, events.time)
    return Drawn(events.entity_index, events.event, events.item, time, events.session)


def silence(events: Drawn, within: np.ndarray, history: History, low: int, high: int, draw: np.random.Generator):
    """Nobody has an event."""
    return events.subset(~within)


KINDS: dict[str, Inject] = {
    "another entity's events": another, "burst": burst, "new category": category, "shift of hours": hours,
    "silence": silence,
}  # fmt: skip


FIRST = ("burst", "new category")
"""Kinds that are put into the first source alone."""


def injected(histories: list[History], times: list[str], kind: str, low: int, high: int, seed: int) -> list[History]:
    """Histories, one per source, in which every entity's window from `low` to `high` (microseconds) is odd.

    A burst and new items are put into the first source, all else into every one.
    """
    result = []
    for number, (history, time) in enumerate(zip(histories, times, strict=True)):
        if number and kind in FIRST:
            result.append(history)
            continue
        events = Drawn.of(history)
        within = (events.time >= low) & (events.time < high)
        draw = np.random.default_rng((seed, number))
        is_odd = within.any() and len(history.item_ids)
        changed = KINDS[kind](events, within, history, low, high, draw) if is_odd else events
        result.append(changed.history(history, time))
    return result
