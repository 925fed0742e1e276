"""A baseline that shares nothing with the representation: boosting on plain features of the raw events of its rows.

A baseline that reads what the model reads is blind to what the model is blind to, and guards nothing.
"""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from basemodel_ops.contract.types import Contract, EventSource, TaskType
from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.stages.features.encoding import categories, numbers
from basemodel_ops.stages.features.reading import Chosen
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.snapshot.times import microseconds
from basemodel_ops.stages.tasks.baseline_attributes import attribute_features
from basemodel_ops.tasks.boosted_head import MEMBERS, RATE, ROUNDS, SHARP, SMOOTH, BoostedHead, rows_share
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import gain
from basemodel_ops.tasks.split import DAY
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import events_query

LAST, COUNTED = 3, 30
"""Newest events told one by one, and items of a column that are counted, the most frequent."""

FEW, MEASURED = 32, 8
"""Items of a column by which numbers are told apart, at most; and how many of them, the most frequent."""

WINDOWS = (7, 28, 91, 364)
"""Days before the cutoff in which events are counted."""

REFERENCE = "plain"
"""Name of this baseline among the candidates that a report shows."""

KnownTargets = Callable[[np.ndarray, str], np.ndarray]
"""Targets of rows (positions) as they were known when a part begins."""

ROWS, EVENTS = 50_000, 20_000_000
"""Rows that the baseline learns from, at most; and events of its rows' entities beyond which there is none."""


@dataclass(frozen=True)
class Log:
    """Events of one source in the order of owner and time."""

    entity_index: np.ndarray
    time: np.ndarray
    columns: dict[str, np.ndarray]
    """Items by how frequent they are, from 0 on."""
    numbers: dict[str, np.ndarray]

    @classmethod
    def of(cls, table: pa.Table, entity_index: np.ndarray, event: EventSource) -> "Log":
        """The events of a table whose owner is known (not negative)."""
        kept = np.flatnonzero(entity_index >= 0)
        time = microseconds(table.column(event.time))
        kept = kept[np.lexsort((time[kept], entity_index[kept]))]
        columns = {name: _ranks(table.column(name).combine_chunks(), kept) for name in categories(event)}
        values = {name: _numbers(table.column(name))[kept] for name in numbers(event)}
        return cls(entity_index[kept], time[kept], columns, values)

    def features(self, entity_index: np.ndarray, cutoff: np.ndarray) -> Iterator[np.ndarray]:
        """Columns of features of each owner strictly before its cutoff, microseconds."""
        timestamps = np.unique(self.time)
        stride = np.int64(len(timestamps) + 1)
        keys = self.entity_index * stride + np.searchsorted(timestamps, self.time)

        def before(timestamp: np.ndarray) -> np.ndarray:
            return np.searchsorted(keys, entity_index * stride + np.searchsorted(timestamps, timestamp))

        begin, end = np.searchsorted(keys, entity_index * stride), before(cutoff)
        there = end > begin
        yield np.log1p(end - begin)
        windows = {days: before(cutoff - days * DAY) for days in WINDOWS}
        share = {days: self._share_known(cutoff, days) for days in WINDOWS}
        yield from ((end - low) / share[days] for days, low in windows.items())
        first, last = (_taken(self.time, at) for at in (begin, end - 1))
        yield np.where(there, _days(cutoff - first), -1)
        yield np.where(end - begin > 1, _days((last - first) / np.maximum(end - begin - 1, 1)), -1)
        at = end[:, None] - np.arange(1, LAST + 1)
        known = at >= begin[:, None]
        yield from np.where(known, _days(cutoff[:, None] - _taken(self.time, at)), -1).T
        for items in self.columns.values():
            yield from np.where(known, _taken(items, at), -1).T
            for item in range(min(COUNTED, int(items.max(initial=-1)) + 1)):
                total = np.concatenate([[0], np.cumsum(items == item)])
                yield total[end] - total[begin]
        for values in self.numbers.values():
            seen = _Seen.of(values, np.isfinite(values))
            yield from (seen.newest(begin, end), seen.mean(begin, end))
            yield from ((seen.total[end] - seen.total[low]) / share[days] for days, low in windows.items())
            for items in self.columns.values():
                if items.max(initial=-1) < FEW:
                    for item in range(min(MEASURED, int(items.max(initial=-1)) + 1)):
                        of_item = _Seen.of(values, np.isfinite(values) & (items == item))
                        yield from (of_item.newest(begin, end), of_item.mean(begin, end))
                        yield from (of_item.mean(windows[days], end) for days in WINDOWS[-2:])

    def _share_known(self, cutoff: np.ndarray, days: int) -> np.ndarray:
        """The share of so many days before each cutoff that lies after the first event of all, (rows,).

        What a window has is told as if all of it did: else every later row would have more than all earlier ones where
        the data are younger than the window is long.
        """
        since = (cutoff - self.time.min(initial=np.iinfo(np.int64).max)) / DAY
        return np.clip(since, 1, days) / days


@dataclass(frozen=True)
class _Seen:
    """Values of some events in order: running sums and numbers of these, and where the newest so far is."""

    values: np.ndarray
    total: np.ndarray
    count: np.ndarray
    latest: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, is_seen: np.ndarray) -> "_Seen":
        """Of the events that are seen."""
        total = np.concatenate([[0.0], np.cumsum(np.where(is_seen, values, 0))])
        count = np.concatenate([[0], np.cumsum(is_seen)])
        latest = np.concatenate([[-1], np.maximum.accumulate(np.where(is_seen, np.arange(len(values)), -1))])
        return cls(values, total, count, latest)

    def mean(self, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Of the events from `begin` to before `end`; 0 where none is seen."""
        return (self.total[end] - self.total[begin]) / np.maximum(self.count[end] - self.count[begin], 1)

    def newest(self, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The newest value of these; 0 where none is seen."""
        at = self.latest[end]
        return np.where(at >= begin, _taken(self.values, at), 0)


def _taken(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at places; something at those that are none."""
    return values[np.clip(at, 0, len(values) - 1)] if len(values) else np.zeros(at.shape, values.dtype)


def _days(gap: np.ndarray) -> np.ndarray:
    """log(1 + days) of microseconds."""
    return np.log1p(np.maximum(gap, 0) / DAY)


def _ranks(values: pa.Array, kept: np.ndarray) -> np.ndarray:
    """Each item as its place among all, the most frequent first; -1 where there is none."""
    codes = pc.dictionary_encode(values).indices.fill_null(-1).to_numpy(zero_copy_only=False)[kept]
    order = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
    index = np.append(np.argsort(order), -1)
    return index[codes]


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    """Logarithms; not-a-number where there is none."""
    known = pc.cast(values, pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(known), signed_log1p(known), np.nan)


def reference_features(
    contract: Contract, warehouse: Warehouse, rows: TaskRows, before: datetime, chosen: Chosen,
    without: Collection[str] = (),
) -> np.ndarray:  # fmt: skip
    """Counts, ages, newest events and means of every source, strictly before each row's cutoff, facts, the calendar.

    Args:
        contract: Which sources there are.
        warehouse: Where they are.
        rows: Whose features.
        before: No event is read from here on.
        chosen: The entities that the rows were drawn from.
        without: Sources of facts that the answers are made of.

    Returns:
        float32 (rows, features).
    """
    who = pc.unique(rows.entity)
    entity_index = np.asarray(pc.index_in(rows.entity.combine_chunks(), value_set=who)).astype(np.int64)
    results: list[np.ndarray] = [(rows.cutoff // DAY) % 7, (rows.cutoff // DAY) % 365]
    for event in contract.events:
        query = events_query(event, [*categories(event), *numbers(event)], before, ordered=False)
        table = warehouse.read(chosen.of(warehouse, query, event.entity))
        of = np.asarray(pc.index_in(pc.cast(table.column(0), who.type), value_set=who).fill_null(-1)).astype(np.int64)
        results += [
            feature.astype(np.float32) for feature in Log.of(table, of, event).features(entity_index, rows.cutoff)
        ]
    results += attribute_features(contract, warehouse, who, entity_index, rows.cutoff, chosen, without)
    # Each column goes as its copy stands beside the others: these are most of what a narrow project needs.
    features = np.empty((len(rows.cutoff), len(results)), np.float32)
    for column in reversed(range(len(results))):
        features[:, column] = results.pop()
    return features


@dataclass(frozen=True)
class ReferenceRows:
    """Rows that the baseline learns from and answers: (rows, features), targets, positions, and what each speaks of."""

    features: np.ndarray
    target: np.ndarray
    parts: dict[str, np.ndarray]
    known: np.ndarray
    """Whose targets are known when the test begins, positions."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks; None where all speak of one."""

    def weight_of(self, indices: np.ndarray) -> np.ndarray | None:
        """The weight of rows (positions)."""
        return None if self.weight is None else self.weight[indices]


def reference_predictions(
    kind: TaskType, metric: str, rows: ReferenceRows, seed: int, targets_known: KnownTargets | None = None
) -> np.ndarray:
    """Answers to the test rows by boosting, smooth or sharp as validation says, that learnt from the known rows."""
    task_kind, targets_known = kind_of(kind), targets_known or (lambda indices, _: rows.target[indices])

    def predict(style: dict[str, object], indices: np.ndarray, part: str, members: int = MEMBERS) -> np.ndarray:
        def make(recipe: str, of: TaskType) -> BoostedHead:
            return BoostedHead(of, ROUNDS, seed, RATE, 20, style=style, members=members)

        head = task_kind.head("boosted", make, kind)
        most = int(ROWS * rows_share(kind, rows.target, ROUNDS))
        drawn = np.sort(np.random.default_rng((seed, 6)).permutation(indices)[:most])
        task_kind.fit(head, rows.features[drawn], targets_known(drawn, part), rows.weight_of(drawn))
        return task_kind.predict(head, rows.features[rows.parts[part]])

    def worth(style: dict[str, object]) -> float:
        prediction, validation = predict(style, rows.parts["train"], "validation", members=1), rows.parts["validation"]
        target, weight = targets_known(validation, "test"), rows.weight_of(validation)
        value = gain(metric, task_kind.measures[metric](target, prediction, weight))
        return value if np.isfinite(value) else -np.inf

    styles = (SMOOTH, SHARP)
    with ThreadPoolExecutor(len(styles)) as pool:
        better = max(zip(pool.map(worth, styles), styles, strict=True), key=lambda result: result[0])[1]
    return predict(better, rows.known, "test")
