"""Histories in which some events had not happened, many at once, and what they look like to the models."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.representation import History, Layout, history_layout, history_values
from basemodel_ops.representation.workers import mapped
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.workspace import Workspace

ROWS = 256
"""Masked histories that are represented at once, per worker."""


def masked(histories: Sequence[History], owner: np.ndarray, kept: Sequence[np.ndarray]) -> list[History]:
    """The histories of entities `owner` (n,) with only the events that are kept, each as an entity of its own.

    Args:
        histories: One per source.
        owner: Positions of entities in the histories.
        kept: Of each, bool (events,): of all sources, one after the other.
    """
    found, passed = [], np.zeros(len(owner), np.int64)
    for history in histories:
        counts = history.start[owner + 1] - history.start[owner]
        rows = [
            begin + np.flatnonzero(own[skip : skip + count])
            for begin, own, skip, count in zip(history.start[owner], kept, passed, counts, strict=True)
        ]
        passed += counts
        at = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        found.append(
            History(
                np.concatenate([[0], np.cumsum([len(own) for own in rows])]).astype(np.int64),
                history.time[at],
                None if history.session is None else history.session[at],
                {name: codes[at] for name, codes in history.codes.items()},
                {name: numbers[at] for name, numbers in history.numbers.items()},
            )
        )
    return found


class Masker:
    """Represents the entities of a part as if some of their events had not happened."""

    def __init__(self, ws: Workspace, builder: Builder, part: Part, cutoff: int, is_narrow: bool) -> None:
        """Of entities at one cutoff (microseconds); `is_narrow` where nobody reads sketches, cells and occasions."""
        settings = ws.settings
        self.histories, self._cutoff = part.histories, np.array([cutoff])
        self._plans, counted = builder.plans, settings.counted_half_lives
        if is_narrow:
            # They are told by blocks of their own; what is left stands in the same order.
            self._plans = [replace(plan, codes={}, cells={}, densities={}) for plan in builder.plans]
            counted = ()
        self._spans = settings.half_lives, counted, settings.windows
        # Facts of an entity and the time of the year stand last, and do not follow from its events.
        whole = history_layout(builder.plans, settings.half_lives, settings.counted_half_lives, settings.windows)
        beside = builder.layout.blocks[len(whole.blocks) :]
        none = [np.zeros(count, bool) for count in np.sum([np.diff(h.start) for h in part.histories], axis=0)]
        empty = masked(part.histories, np.arange(len(part)), none)
        self._beside = builder.values(part.low, empty, self._cutoff)[:, 0, whole.length :]
        blocks = [*history_layout(self._plans, *self._spans).blocks, *beside]
        self.layout = Layout([(b.kind, b.source, b.column, b.detail, b.length) for b in blocks])
        self._values = builder.entities.values.slice(part.low, len(part))

    def rows(self, owner: np.ndarray, kept: Sequence[np.ndarray]) -> RowsInMemory:
        """The rows of entities `owner` (n,), positions in the part, with the events kept of each, bool (events,)."""

        def work(low: int) -> np.ndarray:
            some = slice(low, low + ROWS)
            histories = masked(self.histories, owner[some], kept[some])
            return history_values(histories, self._plans, self._cutoff, *self._spans)[:, 0]

        values = np.concatenate(list(mapped(work, range(0, len(owner), ROWS))))
        values = np.hstack([values, self._beside[owner]])
        # Each is an entity of its own in the key of the one that it is of, by which models that saw it are left out.
        entities = Vocabulary(self._values.take(pa.array(owner)), np.ones(len(owner), np.int64))
        return RowsInMemory(entities, np.arange(len(owner)), self._cutoff.repeat(len(owner)), self.layout, values)
