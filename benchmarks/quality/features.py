"""A data scientist's day of hand-made features: recency, frequency, money, categories, trends, rhythm, calendar."""

import numpy as np

from benchmarks.quality.events import DAY, Events

WINDOWS = (3, 7, 14, 28, 56, 91, 182, 365)
LARGEST = 40
"""Categories that get columns of their own."""


def _log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values))


def hand_features(events: Events, entity_index: np.ndarray, cutoff: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Features of what each owner did strictly before its cutoff (microseconds), float32 (rows, features)."""
    columns: dict[str, np.ndarray] = {}
    end, begin = events.before(entity_index, cutoff), events.start[entity_index]
    streams = {"events": np.ones(len(events.time)), "baskets": events.is_first, "days": events.is_new_day}
    totals = {
        name: np.concatenate([[0.0], np.cumsum(values)]) for name, values in {**streams, **events.numbers}.items()
    }
    sums: dict[tuple[str, int], np.ndarray] = {}
    for window in (*WINDOWS, 0):
        low = begin if window == 0 else events.before(entity_index, cutoff - window * DAY)
        for name, total in totals.items():
            sums[name, window] = total[end] - total[low]
            columns[f"{name}_{window}"] = _log(sums[name, window])
        for name in events.numbers:
            columns[f"{name}_per_basket_{window}"] = _log(sums[name, window] / np.maximum(sums["baskets", window], 1))
        columns[f"events_per_basket_{window}"] = sums["events", window] / np.maximum(sums["baskets", window], 1)
    money = list(events.numbers)[:1]
    for name in ("events", "baskets", *money):
        for short, long in ((7, 28), (14, 28), (28, 56), (56, 182), (91, 182), (182, 365)):
            columns[f"{name}_trend_{short}_{long}"] = sums[name, short] / (np.abs(sums[name, long]) + 1e-6)
    for week in range(8):
        high, low = (events.before(entity_index, cutoff - days * DAY) for days in (7 * week, 7 * week + 7))
        for name in ("baskets", *money):
            columns[f"{name}_week_{week}"] = _log(totals[name][high] - totals[name][low])
    columns |= _rhythm(events, entity_index, cutoff, begin, end)
    columns |= _shares(events, begin, end)
    columns |= _categories(events, entity_index, cutoff)
    year = 2 * np.pi * (cutoff / DAY) / 365.2425
    columns |= {"year_sin": np.sin(year), "year_cos": np.cos(year), "day": cutoff / DAY}
    values = np.stack(list(columns.values()), axis=1).astype(np.float32)
    return np.nan_to_num(values, posinf=0, neginf=0), list(columns)


def _rhythm(
    events: Events, entity_index: np.ndarray, cutoff: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> dict[str, np.ndarray]:
    """Days since the last active days, gaps between them, tenure, and how overdue the next one is."""
    rows = np.flatnonzero(events.is_new_day)
    day = events.time[rows] / DAY
    last, first = np.searchsorted(rows, end), np.searchsorted(rows, begin)
    now = cutoff / DAY
    recency = {}
    for k in (1, 2, 3, 4, 5, 8, 13):
        there = last - k >= first
        recency[f"recency_{k}"] = np.where(there, now - day[np.maximum(last - k, 0)], 400.0)
    gap = np.diff(day, prepend=day[0])
    gap[np.searchsorted(rows, events.start[:-1])] = 0
    counts = np.minimum(last - first - 1, 10)
    entry, two = (np.concatenate([[0.0], np.cumsum(gap**power)]) for power in (1, 2))
    size = np.maximum(counts, 1)
    mean = np.where(counts > 0, (entry[last] - entry[last - np.maximum(counts, 0)]) / size, 100.0)
    square = np.where(counts > 0, (two[last] - two[last - np.maximum(counts, 0)]) / size, 100.0**2)
    result = {name: np.log1p(values) for name, values in recency.items()}
    result["gap_mean"], result["gap_spread"] = np.log1p(mean), np.log1p(np.sqrt(np.maximum(square - mean**2, 0)))
    result["overdue"] = np.log1p(recency["recency_1"] / np.maximum(mean, 0.5))
    result["tenure"] = np.where(last > first, now - day[np.minimum(first, len(day) - 1)], 0)
    return result


def _shares(events: Events, begin: np.ndarray, end: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of events per weekday and per part of the day."""
    weekday, hour = (events.time // DAY + 3) % 7, events.time // (DAY // 24) % 24
    result, size = {}, np.maximum(end - begin, 1)
    kinds = {f"weekday_{day}": weekday == day for day in range(7)}
    kinds |= {f"hours_{part}": hour // 4 == part for part in range(6)}
    for name, chosen in kinds.items():
        total = np.concatenate([[0], np.cumsum(chosen)])
        result[name] = (total[end] - total[begin]) / size
    return result


def _categories(events: Events, entity_index: np.ndarray, cutoff: np.ndarray) -> dict[str, np.ndarray]:
    """Log counts of the largest categories, and how many different items and categories there were."""
    known = events.category >= 0
    early = events.time < cutoff.min()
    size = np.bincount(events.category[known & early], minlength=len(events.categories))
    largest = np.argsort(-size, kind="stable")[:LARGEST]
    slot = np.full(len(size) + 1, -1)
    slot[largest] = np.arange(len(largest))
    row_index = slot[events.category]
    spans = (56, 0)
    counts = np.zeros((len(entity_index), len(spans), len(largest)))
    distinct = np.zeros((len(entity_index), 4))
    entities = len(events.entities)
    for moment in np.unique(cutoff):
        rows = np.flatnonzero(cutoff == moment)
        for number, span in enumerate(spans):
            seen = (events.time < moment) & ((events.time >= moment - span * DAY) if span else True)
            chosen = seen & (row_index >= 0)
            table = np.bincount(
                events.entity_index[chosen] * len(largest) + row_index[chosen], minlength=entities * len(largest)
            )
            counts[rows, number] = table.reshape(entities, -1)[entity_index[rows]]
            for kind, codes in enumerate((events.item, events.category)):
                pairs = np.unique(events.entity_index[seen].astype(np.int64) * (1 << 32) + codes[seen] + 1)
                per_owner = np.bincount(pairs >> 32, minlength=entities)
                distinct[rows, 2 * number + kind] = per_owner[entity_index[rows]]
    names = [f"category_{span}_{events.categories[c]}" for span in spans for c in largest]
    result = dict(zip(names, np.log1p(counts).reshape(len(entity_index), -1).T, strict=True))
    return result | {f"distinct_{n}": column for n, column in enumerate(np.log1p(distinct).T)}


def category_log_counts(events: Events, entity_index: np.ndarray, cutoff: int) -> np.ndarray:
    """Log counts of every category before the cutoff, float32 (rows, categories)."""
    seen = (events.time < cutoff) & (events.category >= 0)
    width = len(events.categories)
    table = np.bincount(
        events.entity_index[seen] * width + events.category[seen], minlength=len(events.entities) * width
    )
    return np.log1p(table.reshape(-1, width)[entity_index]).astype(np.float32)
