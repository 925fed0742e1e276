"""The main events of a data set in memory, sorted by entity and time, for the reference baselines."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from sqlglot import exp

from basemodel_ops.warehouse.base import Warehouse
from benchmarks.quality.datasets import Dataset

DAY = 86_400_000_000


@dataclass(frozen=True)
class Events:
    """One row per event, sorted by entity and time; codes index `entities`, `items` and `categories`."""

    entities: pd.Index
    items: pd.Index
    categories: pd.Index
    entity_index: np.ndarray
    time: np.ndarray  # microseconds
    item: np.ndarray
    category: np.ndarray  # -1 where unknown
    is_first: np.ndarray  # first event of a basket
    is_new_day: np.ndarray  # first event of an entity's day
    numbers: dict[str, np.ndarray]

    @cached_property
    def origin(self) -> int:
        """The first moment of all."""
        return int(self.time.min())

    @cached_property
    def span(self) -> int:
        """More microseconds than lie between any two events."""
        return int(self.time.max()) - self.origin + 2

    @cached_property
    def key(self) -> np.ndarray:
        """Ascending (events,): owner, then time."""
        return self.entity_index.astype(np.int64) * self.span + (self.time - self.origin)

    def before(self, entity_index: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """Position after the last event of each owner strictly before the moment (microseconds)."""
        return np.searchsorted(self.key, self.key_of(entity_index, moment))

    def key_of(self, entity_index: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """What `key` would be of an event of each owner at the moment (microseconds)."""
        return entity_index.astype(np.int64) * self.span + np.clip(moment - self.origin, 0, self.span - 1)

    @cached_property
    def start(self) -> np.ndarray:
        """Position of each entity's first event, (entities + 1,)."""
        return np.searchsorted(self.entity_index, np.arange(len(self.entities) + 1))


def read_events(warehouse: Warehouse, dataset: Dataset) -> Events:
    """All events of the data set with the category of their item."""
    basket = dataset.basket or dataset.time
    names = dict.fromkeys([dataset.entity, dataset.time, basket, dataset.item])
    frame = _read(warehouse, dataset.events, [*names, *dataset.numbers]).sort_values([*names], kind="stable")
    entities, items = (pd.Index(np.sort(frame[name].unique())) for name in (dataset.entity, dataset.item))
    if dataset.top_items and dataset.category:
        item_names = _read(warehouse, dataset.top_items, [dataset.item, dataset.category])
        kinds = item_names.set_index(dataset.item)[dataset.category]
    else:
        kinds = pd.Series(items, index=items)
    categories = pd.Index(np.sort(kinds.dropna().unique()))
    entity_index = entities.get_indexer(frame[dataset.entity])
    time = frame[dataset.time].to_numpy().astype("datetime64[us]").astype(np.int64)
    session = pd.factorize(frame[basket])[0]
    item = items.get_indexer(frame[dataset.item])
    pair = entity_index.astype(np.int64) * (session.max() + 1) + session
    is_first = np.zeros(len(frame), bool)
    is_first[np.unique(pair, return_index=True)[1]] = True
    day = time // DAY
    is_new_day = np.ones(len(frame), bool)
    is_new_day[1:] = (day[1:] != day[:-1]) | (entity_index[1:] != entity_index[:-1])
    numbers = {name: frame[name].to_numpy(np.float64, na_value=0.0) for name in dataset.numbers}
    category = categories.get_indexer(kinds.reindex(items))[item]
    return Events(entities, items, categories, entity_index, time, item, category, is_first, is_new_day, numbers)


def _read(warehouse: Warehouse, table: str, columns: list[str]) -> pd.DataFrame:
    query = exp.select(*[exp.column(name, quoted=True) for name in columns]).from_(exp.to_table(table))
    return warehouse.read(query).to_pandas()
