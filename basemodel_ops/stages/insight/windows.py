"""Windows of entities: what was foreseen at their start, and what happened in them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, log_expit

from basemodel_ops.emde import decayed_counts
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.encoders.numbers import signed_log1p
from basemodel_ops.insight.counts import LEAST
from basemodel_ops.representation import History
from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.sessions import once_per_session, session_indices
from basemodel_ops.stages.features.builder import Builder, Part
from basemodel_ops.stages.features.rows import RowsInMemory
from basemodel_ops.stages.foundation import learner_layout
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.insight.lines import Line
from basemodel_ops.stages.snapshot.sampling import hashes_of, shares

WINDOW = 28
"""Windows are as long as the pretrained horizon nearest to this, in days."""

NEAR = np.array([1, 2, 3, 4, 3, 2, 1]) / 16
"""What an event says of the hours around its own."""


def window_days(horizons: tuple[int, ...], wanted: int = WINDOW) -> int:
    """The length of a window: of the pretrained horizons (days) the one nearest to what is wanted."""
    return min(horizons, key=lambda days: (abs(days - wanted), days))


def _nearest(logits: np.ndarray, horizons: tuple[int, ...], days: int) -> np.ndarray:
    """Of logits (rows, horizons, items) those of the horizon nearest to `days`, float16 (rows, items)."""
    if not logits.shape[1]:
        return np.zeros((len(logits), 0), np.float16)
    return logits[:, horizons.index(window_days(horizons, days))].astype(np.float16)


@dataclass(frozen=True)
class Happened:
    """Items of windows: the row of each, its event in the history and its cell, (items,); once in a session."""

    row: np.ndarray
    event: np.ndarray
    cell: np.ndarray


class Windows:
    """The windows of some entities, one or more of each; `len` of them."""

    def __init__(self, builder: Builder, part: Part, values: np.ndarray, days: int, checkpoint: Checkpoint) -> None:
        """Ask the foundation model about rows at the starts of windows, of which a part holds the later events too.

        Args:
            builder: Of the part.
            part: Rows at the starts of windows.
            values: Their representation, float16 (rows, length).
            days: Length of a window.
            checkpoint: The foundation model.
        """
        self.part, self.days = part, days
        self.names = [plan.name for plan in builder.plans]
        self._half_lives, self._seed = np.array(builder.settings.half_lives), builder.settings.seed
        self.entity, _ = part.row_index
        self.start = part.cutoffs[part.row_index]
        keys = builder.entities.values.slice(part.low, part.histories[0].entities)
        self.entities = Vocabulary(keys, np.ones(len(keys), np.int64))
        rows = RowsInMemory(self.entities, self.entity, self.start, builder.layout, values)
        everyone = np.arange(len(part))
        self._blocks, self._layout = checkpoint.blocks, builder.layout
        self._activity = checkpoint.activity(rows, everyone)
        self._items = _nearest(checkpoint.item_logits(rows, everyone), builder.snapshot.item_horizons, days)
        self.has_history = rows.has_history(everyone)
        self._bounds: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._sessions: dict[str, np.ndarray] = {}
        self._cells: dict[Line, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def _hashes(self) -> np.ndarray:
        return hashes_of(self.entities.values, self._seed)[self.entity]

    def draws(self, salt: np.ndarray) -> np.ndarray:
        """A number in [0, 1) of each window, by its entity and a salt, int64 (rows,), that tells draws apart."""
        return shares(self._hashes, salt)

    def history(self, source: str) -> History:
        """All events of a source that the part holds."""
        return self.part.histories[self.names.index(source)]

    def bounds(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """The first event in each window, and one past the last, (rows,)."""
        if source not in self._bounds:
            history, cutoffs = self.history(source), self.part.cutoffs
            ends = [history.positions(cutoffs + days * DAY)[self.part.row_index] for days in (0, self.days)]
            self._bounds[source] = ends[0], ends[1]
        return self._bounds[source]

    def times(self, source: str, row: int) -> np.ndarray:
        """Of the events of one window, ascending, microseconds (events,)."""
        low, high = self.bounds(source)
        return self.history(source).time[low[row] : high[row]]

    def number(self, source: str) -> np.ndarray:
        """Events of each window, (rows,)."""
        low, high = self.bounds(source)
        return high - low

    def logit(self, source: str) -> np.ndarray:
        """What was foreseen of whether there are any events, (rows,)."""
        return self._predicted("occurred", source, "")

    def predicted_log(self, source: str) -> np.ndarray:
        """What was foreseen of log(1 + number of events) where there are any, (rows,)."""
        chance = np.maximum(expit(self.logit(source)), LEAST)
        return np.maximum(self._predicted("amount", source, "events") / chance, np.log(2))

    def amounts(self, line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Events of each window, or days with any, in the window before it, and in all windows before on average."""
        history, (low, high) = self.history(line.source), self.bounds(line.source)
        day, entity_index = history.time // DAY, history.entity_index
        counted = np.ones(len(day), bool)
        if line.kind == "days":
            counted[1:] = (day[1:] != day[:-1]) | (entity_index[1:] != entity_index[:-1])
        total, first = np.append(0, np.cumsum(counted)), history.start[self.entity]
        before = history.positions(self.part.cutoffs - self.days * DAY)[self.part.row_index]
        started = history.time[np.minimum(first, len(day) - 1)] if len(day) else self.start
        windows = np.maximum((self.start - started) / (self.days * DAY), 1)
        return total[high] - total[low], total[low] - total[before], (total[low] - total[first]) / windows

    def sizes(self, source: str, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Of a number column, the log of its sum less that of the number of events, (rows,), and what told so: what was
        foreseen, and the same of all events before and of the newest of these, (rows, 3)."""
        low, high = self.bounds(source)
        history = self.history(source)
        values, first = history.numbers[column].astype(np.float64), history.start[self.entity]
        is_known = np.isfinite(values)
        count, total = (np.append(0, np.cumsum(is_known)) for is_known in (is_known, np.where(is_known, values, 0)))
        (number, sizes), (known_before, before) = (
            (count[end] - count[begin], signed_log1p(total[end] - total[begin]) - np.log1p(count[end] - count[begin]))
            for begin, end in ((low, high), (first, low))
        )
        predicted = self._predicted("amount", source, column) - self._predicted("amount", source, "events")
        predicted /= np.maximum(expit(self.logit(source)), LEAST)
        newest = np.append(-1, np.maximum.accumulate(np.where(is_known, np.arange(len(values)), -1)))[low]
        last = signed_log1p(np.append(values, 0)[newest]) - np.log(2)  # as of a window with this event alone
        inputs = [predicted, *(np.where(known_before > 0, level, predicted) for level in (before, last))]
        return np.where(number > 0, sizes, np.nan), np.stack(inputs, axis=1)

    def _predicted(self, kind: str, source: str, column: str) -> np.ndarray:
        """One number of the forecast, (rows,)."""
        wanted = (kind, source, column, str(self.days))
        results = [(block.kind, block.source, block.column, block.detail) for block in self._blocks]
        return self._activity[:, results.index(wanted)].astype(np.float64)

    def items(self, line: Line) -> Happened:
        """What happened in the windows, once in a session."""
        cells = self._cells_of(line)
        low, high = self.bounds(line.source)
        count = high - low
        row = np.repeat(np.arange(len(self)), count)
        event = np.arange(int(count.sum())) + np.repeat(low - (np.cumsum(count) - count), count)
        known = cells[event, 0] >= 0
        return Happened(row[known], event[known], cells[event[known], 0])

    def _cells_of(self, line: Line) -> np.ndarray:
        """The cell of each event, int32 (events, 1); -1 where its session has it already."""
        if line not in self._cells:
            codes, is_item = self.history(line.source).item_ids[line.track], line.kind == "item"
            is_known = (codes >= 0) & (codes < line.size - is_item)
            cells = np.where(is_known, codes, line.size - 1 if is_item else -1)[:, None].astype(np.int32)
            self._cells[line] = once_per_session(cells, self._session_index(line.source), line.size)
        return self._cells[line]

    def _session_index(self, source: str) -> np.ndarray:
        """The session of each event, (events,)."""
        if source not in self._sessions:
            history = self.history(source)
            self._sessions[source] = session_indices(history.entity_index, history.time, history.session)
        return self._sessions[source]

    def kinds(self, line: Line, popular: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shares of a line's cells by what is known, (kinds, rows, cells), and the entity's decayed events, (rows,).

        Its own of late and of long, what the foundation model foresees or, of hours, those around its own, what is
        `popular` (cells,), and all alike. Of some of the windows, `rows` (rows,).
        """
        history, cutoffs = self.history(line.source), self.part.cutoffs / DAY
        counts = decayed_counts(history.start, history.days, self._cells_of(line), line.size, cutoffs, self._half_lives)
        counts = counts[tuple(index[rows] for index in self.part.row_index)]  # (rows, lives, cells)
        total_weight = counts.sum(axis=2, keepdims=True)
        cell_shares = np.divide(counts, total_weight, out=np.zeros_like(counts), where=total_weight > 0)
        results = [cell_shares[:, half_life] for half_life in range(cell_shares.shape[1])]
        if line.kind == "hour":
            longest = results[int(self._half_lives.argmax())]
            around = [share * np.roll(longest, by, axis=1) for share, by in zip(NEAR, range(-3, 4), strict=True)]
            results.append(np.sum(around, axis=0))
        if line.kind == "item" and self._items.shape[1]:
            results.append(self._model_shares(line, popular, rows))
        results += [popular, np.full(line.size, 1 / line.size)]
        kinds = np.empty((len(results), len(rows), line.size), np.float32)
        for kind, result in zip(kinds, results, strict=True):
            kind[:] = result
        return kinds, total_weight[:, :, 0].max(axis=1)

    def _model_shares(self, line: Line, popular: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Shares of items by the chances that the foundation model gives them; of rarer ones those that are popular."""
        offset = learner_layout.item_offset(self._layout, line.source, line.column)
        cells = next(b.length for b in self._layout.select("recency", line.source, line.column))
        known = min(cells, line.size - 1)
        logits = self._items[rows, offset : offset + known].astype(np.float64)
        rates = -log_expit(-logits)  # of a Poisson number that is not 0 with that chance
        result = np.tile(popular, (len(rows), 1))
        result[:, :known] = rates / rates.sum(axis=1, keepdims=True) * popular[:known].sum()
        return result
