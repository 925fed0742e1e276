"""The events of some entities before a cutoff, and what is known of the items then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from basemodel_ops.foundation.retrieval import Retrieval, Sequences
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.sessions import session_indices
from basemodel_ops.tasks.relations import Relations

POPULAR_DAYS = (14, 56)
"""Windows of popularity."""


NEVER = 1000.0
"""Days since an event that never was."""


@dataclass(frozen=True)
class ItemModels:
    """What was learnt of items up to the end of training."""

    vectors: np.ndarray  # (items, dimension) Cleora
    attributes: Mapping[str, np.ndarray]  # per fact the code of each item's value, (items,), -1 where not known
    relations: Relations
    retrieval: Retrieval


def sequences_before(history: History, column: str, cutoff: int) -> Sequences:
    """The known items of all entities strictly before `cutoff` (microseconds), with their sessions."""
    codes = history.item_ids[column]
    seen = (history.time < cutoff) & (codes >= 0)
    entity_index = history.entity_index[seen]
    session = None if history.session is None else history.session[seen]
    start = np.searchsorted(entity_index, np.arange(history.entities + 1))
    return Sequences(start, codes[seen].astype(np.int64), session_indices(entity_index, history.time[seen], session))


@dataclass(frozen=True)
class ItemStatistics:
    """What is known of items before a cutoff, whoever is asked."""

    popularity: np.ndarray  # (windows, items) log of events a day
    repeats: np.ndarray  # (items,) share of its takers who took it again
    base_shares: list[np.ndarray]  # per fact the share of each value in all events

    @classmethod
    def of(
        cls, counts: np.ndarray, total: np.ndarray, repeats: np.ndarray, attributes: Mapping[str, np.ndarray]
    ) -> "ItemStatistics":
        """From events of each item in the windows of `POPULAR_DAYS`, (windows, items), and of all time, (items,)."""
        base_shares = [
            np.bincount(known + 1, weights=total, minlength=int(known.max(initial=-1)) + 2)[1:] / max(total.sum(), 1)
            for known in attributes.values()
        ]
        return cls(np.log1p(counts / np.array(POPULAR_DAYS)[:, None]), repeats, base_shares)


@dataclass(frozen=True)
class InteractionSnapshot:
    """The events of some entities before a cutoff, and what is known of the items."""

    entity_index: np.ndarray  # (events,) entity
    item: np.ndarray  # (events,)
    age: np.ndarray  # (events,) days
    entities: int
    item_models: ItemModels
    sequences: Sequences
    interaction_days: csr_matrix  # (entities, items): position in the three below, plus 1
    count: np.ndarray  # (pairs,) days with the item
    gap: np.ndarray  # (pairs,) mean days between two of them; `NEVER` after only one
    last: np.ndarray  # (pairs,) days since the last
    item_statistics: ItemStatistics

    @classmethod
    def before(
        cls,
        history: History,
        column: str,
        item_models: ItemModels,
        cutoff: int,
        item_statistics: ItemStatistics | None = None,
        share: float = 1.0,
    ) -> "InteractionSnapshot":
        """Everything strictly before `cutoff` (microseconds) in the category `column` of these entities.

        Args:
            history: Of the entities.
            column: The items.
            item_models: What is known of the items up to the end of training.
            cutoff: Microseconds.
            item_statistics: What is known of the items up to the cutoff; from these entities where it is not given.
            share: That these entities are of all.
        """
        codes = history.item_ids[column]
        seen = (history.time < cutoff) & (codes >= 0)
        entity_index = history.entity_index[seen]
        item, age, items = codes[seen].astype(np.int64), (cutoff - history.time[seen]) / DAY, len(item_models.vectors)
        pair, count, gap, newest = _visits(entity_index * items + item, np.ceil(age).astype(np.int64))
        index = np.arange(1, len(pair) + 1, dtype=np.int64)
        interaction_days = csr_matrix((index, (pair // items, pair % items)), (history.entities, items))
        if item_statistics is None:
            takers = np.bincount(pair % items, minlength=items)
            again = np.bincount((pair % items)[count > 1], minlength=items)
            windows = np.stack([np.bincount(item[age <= days], minlength=items) for days in POPULAR_DAYS]) / share
            total = np.bincount(item, minlength=items).astype(float)
            item_statistics = ItemStatistics.of(windows, total, again / np.maximum(takers, 1), item_models.attributes)
        return cls(
            entity_index,
            item,
            age,
            history.entities,
            item_models,
            sequences_before(history, column, cutoff),
            interaction_days,
            count.astype(float),
            gap,
            newest.astype(float),
            item_statistics,
        )


def _visits(pair: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of an entity and an item, once each, from those of events (events,), with one visit a day.

    Returns:
        The pairs, their number of days, the mean days between two (`NEVER` after only one) and those since the last.
    """
    stride = int(day.max(initial=0)) + 1
    visits = np.sort(pair * stride + day)
    pairs, day = np.divmod(visits[np.diff(visits, prepend=-1) > 0], stride)
    first = np.flatnonzero(np.diff(pairs, prepend=-1) > 0)
    count = np.diff(first, append=len(pairs))
    newest, oldest = day[first], day[first + count - 1]
    gap = np.where(count > 1, (oldest - newest) / np.maximum(count - 1, 1), NEVER)
    return pairs[first], count, gap, newest
