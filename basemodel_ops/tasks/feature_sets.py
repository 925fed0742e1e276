"""Feature sets of tasks with one answer, and the heads that each allows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

RECIPES: dict[str, tuple[str, str]] = {
    "zero-shot": ("given", "zero_shot"),
    "linear": ("linear", "model_outputs"),
    "bold linear": ("bold", "model_outputs"),
    "baseline": ("boosted", "aggregates"),
    "boosted": ("boosted", "both"),
    "tf-idf items": ("tf-idf", "terms"),
    "linear items": ("linear", "model_outputs_and_items"),
    "boosted items": ("boosted", "all"),
    "sharp items": ("sharp", "items"),
    "newest items": ("newest", "items"),
    "class rates": ("class rates", "class_rates"),
}
"""Name of a head: how it learns and the view of the features, the safest first."""


FEATURE_SETS = {
    "aggregates": ("aggregates",),
    "model_outputs": ("model_outputs",),
    "zero_shot": ("zero_shot",),
    "items": ("items",),
    "terms": ("terms",),
    "class_rates": ("class_rates",),
    "both": ("aggregates", "model_outputs"),
    "model_outputs_and_items": ("model_outputs", "items"),
    "all": ("aggregates", "model_outputs", "items"),
    "history": ("aggregates", "items"),
}
"""Which features stand side by side in a view."""


LEVELLED = {**RECIPES, "levelled items": ("levelled", "all")}
"""The heads of an amount."""

SLOW = {"boosted", "boosted items", "sharp items", "levelled items"}
"""Heads that are left out where features or classes are very many."""

SLOW_CLASSES = 100
"""Classes from which on boosted models, which take a tree a class and round, would have a fifth of their rounds: those
that only repeat what `class rates` and the linear heads read are left out."""


@dataclass(frozen=True)
class FeatureSets:
    """Views of the same rows: automatic aggregates, what the foundation model makes of them, and, where the task asks
    for a future that was learnt, its answer (rows, 1): a probability, or the logarithm of an amount.

    The arrays are of all rows; what is `chosen` of them is read by `columns_of`."""

    aggregates: np.ndarray
    model_outputs: np.ndarray
    zero_shot: np.ndarray | None = None
    items: np.ndarray | None = None
    """The most frequent items, how often and how lately each was there, the newest events one by one, and rates of one
    number by another; float16, for there are many."""
    newest: np.ndarray | None = None
    """Which features of `items` tell the newest events, positions (features,); none where few items are known."""
    categories: np.ndarray | None = None
    """Which of `newest` are items by their ranks, positions (items,): trees split them by sets."""
    is_raw: bool = False
    """Whether `model_outputs` is the representation itself: thousands of numbers, on which boosting is not tried."""
    weight: np.ndarray | None = None
    """Of how many rows each speaks, (rows,); None where all speak of one."""
    recency: np.ndarray | None = None
    """How much each teaches beside the newest, (rows,); None where all teach alike."""
    terms: csr_array | None = None
    """How often each row had each of many items, log(1 + events), sparse; of traits."""
    class_rates: np.ndarray | None = None
    """How often others who share an item had each of very many classes, logarithms (rows, kinds of groups, classes)."""
    chosen: np.ndarray | None = None
    """Which rows of the arrays these views are of, positions (rows,); None for all."""

    def width(self, name: str) -> int:
        """Features of a view; of one that is sparse, those that a row has on average."""
        parts = [getattr(self, part) for part in FEATURE_SETS[name]]
        return sum(part.nnz // max(part.shape[0], 1) + 1 if issparse(part) else part.shape[1] for part in parts)

    @property
    def widths(self) -> dict[str, int]:
        """Features of each part that is there, but of terms, whose number is that of all items."""
        parts = {part: getattr(self, part) for part in ("aggregates", "model_outputs", "items")}
        return {part: values.shape[1] for part, values in parts.items() if values is not None}

    def columns_of(self, name: str, columns: np.ndarray | None = None) -> np.ndarray:
        """A view of `FEATURE_SETS`, several side by side where that says so, or some of its columns, which ascend."""
        parts = [self._rows_of(getattr(self, part)) for part in FEATURE_SETS[name]]
        if columns is not None:
            ends = np.cumsum([part.shape[1] for part in parts])
            by_part = np.split(columns, np.searchsorted(columns, ends[:-1]))
            parts = [part[:, at - end + part.shape[1]] for part, at, end in zip(parts, by_part, ends, strict=True)]
        return parts[0] if len(parts) == 1 else np.hstack(parts)

    def _rows_of(self, values: Any) -> Any:
        if self.chosen is None:
            return values
        return values[self.chosen] if issparse(values) else values.take(self.chosen, axis=0)

    def with_peers(self, peer_values: np.ndarray) -> "FeatureSets":
        """These views of all rows with what is known of peers who share an item, (rows, features), beside the items."""
        return (
            self if self.items is None else replace(self, items=np.hstack([self.items, peer_values.astype(np.float16)]))
        )

    def rows(self, chosen: np.ndarray) -> "FeatureSets":
        """The chosen rows (positions, or bool) of all views; nothing is copied before a head asks for its columns."""
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        weight, recency = (None if values is None else values[chosen] for values in (self.weight, self.recency))
        every = chosen if self.chosen is None else self.chosen[chosen]
        return replace(self, chosen=every, weight=weight, recency=recency)

    def without_recency(self) -> "FeatureSets":
        """The same views, of which all rows teach alike."""
        return replace(self, recency=None)

    @property
    def learning_weight(self) -> np.ndarray | None:
        """What each row weighs where a head learns, (rows,), 1 on average; None where all weigh the same."""
        if self.recency is None:
            return self.weight
        weight = self.recency if self.weight is None else self.recency * self.weight
        return weight / weight.mean()

    @property
    def heads(self) -> list[str]:
        """Names of `RECIPES` that these views allow."""
        return self.heads_of(RECIPES)

    def heads_of(self, recipes: Mapping[str, tuple[str, str]]) -> list[str]:
        """Names of recipes that these views allow."""
        absent = SLOW if self.is_raw else {"bold linear"}
        if self.newest is None:
            absent = absent | {"newest items"}
        if self.class_rates is not None and self.class_rates.shape[2] >= SLOW_CLASSES:
            absent = absent | SLOW
        return [
            name
            for name, (_, feature_set) in recipes.items()
            if name not in absent and not any(getattr(self, part) is None for part in FEATURE_SETS[feature_set])
        ]
