"""Histories in which some events had not happened, many at once, and what they look like to the models."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import History, Layout, history_layout, history_values
from basemodel_ops.representation.terms import term_frequencies
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.rows import RowsInMemory


def masked(histories: Sequence[History], entity_index: np.ndarray, kept: Sequence[np.ndarray]) -> list[History]:
    """The histories of entities `entity_index` (n,) with only the events that are kept, each as an entity of its own.

    Args:
        histories: One per source.
        entity_index: Positions of entities in the histories.
        kept: Of each, bool (events,): of all sources, one after the other.
    """
    results, passed = [], np.zeros(len(entity_index), np.int64)
    for history in histories:
        counts = history.start[entity_index + 1] - history.start[entity_index]
        rows = [
            begin + np.flatnonzero(shown[skip : skip + count])
            for begin, shown, skip, count in zip(history.start[entity_index], kept, passed, counts, strict=True)
        ]
        passed += counts
        at = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        results.append(
            History(
                np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
                history.time[at],
                None if history.session is None else history.session[at],
                {name: codes[at] for name, codes in history.item_ids.items()},
                {name: numbers[at] for name, numbers in history.numbers.items()},
            )
        )
    return results


class Masker:
    """Represents the entities of a part as if some of their events had not happened."""

    def __init__(self, builder: Builder, part: Part, cutoff: int, is_narrow: bool, is_slow: bool = False) -> None:
        """Of entities at one cutoff (microseconds).

        `is_narrow` where nobody reads sketches, cells and sessions; `is_slow` where nobody reads cells, sessions and
        shorter half-lives than the longest.
        """
        settings = builder.settings
        self.histories, self._cutoff = part.histories, np.array([cutoff])
        self._plans, half_lives, counted = builder.plans, settings.half_lives, settings.counted_half_lives
        # What is left out is told by blocks of its own; what is left stands in the same order.
        if is_narrow or is_slow:
            self._plans = [replace(plan, cells={}, densities={}) for plan in builder.plans]
            counted = ()
        if is_narrow:
            self._plans = [replace(plan, codes={}) for plan in self._plans]
        if is_slow:
            half_lives = (max(half_lives),)
        self._layout_settings = half_lives, counted, settings.windows
        # Facts of an entity and the time of the year stand last, and do not follow from its events.
        layout = history_layout(builder.plans, settings.half_lives, settings.counted_half_lives, settings.windows)
        fixed_blocks = builder.layout.blocks[len(layout.blocks) :]
        none = [np.zeros(count, bool) for count in np.sum([np.diff(h.start) for h in part.histories], axis=0)]
        empty = masked(part.histories, np.arange(len(part)), none)
        self._fixed_values = builder.values(part.low, empty, self._cutoff)[:, 0, layout.length :]
        blocks = [*history_layout(self._plans, *self._layout_settings).blocks, *fixed_blocks]
        self.layout = Layout([(b.kind, b.source, b.column, b.detail, b.length) for b in blocks])
        self._values = builder.entities.values.slice(part.low, len(part))

    def rows(self, entity_index: np.ndarray, kept: Sequence[np.ndarray]) -> RowsInMemory:
        """The rows of entities `entity_index` (n,), positions in the part, with the events kept of each, bool
        (events,)."""
        histories = masked(self.histories, entity_index, kept)
        values = history_values(histories, self._plans, self._cutoff, *self._layout_settings)[:, 0]
        values = np.hstack([values, self._fixed_values[entity_index]])
        # Each is an entity of its own in the key of the one that it is of, by which models that saw it are left out.
        entities = Vocabulary(self._values.take(pa.array(entity_index)), np.ones(len(entity_index), np.int64))
        cutoffs = self._cutoff.repeat(len(entity_index))
        return RowsInMemory(
            entities, np.arange(len(entity_index)), cutoffs, self.layout, values,
            partial(term_frequencies, histories, self._plans, cutoffs[:, None]),
        )  # fmt: skip
