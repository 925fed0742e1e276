"""What is odd about a window, in words, and the events that are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactStore
from basemodel_ops.contract.types import Contract
from basemodel_ops.insight.traits import WEEKDAYS
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.insight.lines import Line
from basemodel_ops.stages.insight.typical_windows import Judged, Seen
from basemodel_ops.stages.insight.windows import Windows
from basemodel_ops.stages.snapshot.times import to_datetime

RARE = 0.05
"""Items at least as unlikely are odd; where none is, the least likely one."""

NAMED = 3
"""Odd items that are named."""

OTHER = "(rare or new)"
"""An item that is not told apart from others."""


@dataclass(frozen=True)
class Odd:
    """Something odd of a window: where, in words, and when those events happened that are odd."""

    source_table: str
    column_name: str | None
    column_value: str | None
    words: str
    events: int
    first_at: datetime | None
    last_at: datetime | None
    main_at: datetime | None
    """When the oddest of them happened; of numbers of events the middle one."""


class Teller:
    """Says what is odd in lines."""

    def __init__(self, contract: Contract, store: ArtifactStore, lines: list[Line], days: int) -> None:
        """Of windows of some days; values are looked up when they are first told."""
        self._contract, self._store, self._lines, self._days = contract, store, lines, days
        self._known: dict[tuple[str, str], list[str]] = {}

    def table(self, line: Line) -> str:
        """The table of a line's source."""
        return str(self._contract.event(line.source).relation)

    def describe(self, line: Line, judged: Judged, windows: Windows, row: int) -> Odd:
        """What is odd in a line of one window."""
        if judged.items is not None:
            return self._items(line, judged.items, windows, row)
        times = windows.times(line.source, row)
        observed, expected, source = judged.observed[row], judged.expected[row], line.source
        words = {
            "events": f"{observed:.0f} {source} in {self._days} days, and about {expected:.3g} were expected",
            "days": f"{observed:.0f} days of {self._days} with {source}, and about {expected:.3g} were expected",
            "amount": f"mean {line.column} {observed:.4g}, and about {expected:.4g} was expected",
        }[line.kind]
        return self._odd(line, None, words, times, times[len(times) // 2 :][:1])

    def _items(self, line: Line, seen: Seen, windows: Windows, row: int) -> Odd:
        low, high = np.searchsorted(seen.items.row, [row, row + 1])
        chances, cells = seen.chances[low:high], seen.items.cell[low:high]
        rare = chances <= max(RARE, float(chances.min()))
        rare_cells, first = np.unique(cells[rare], return_index=True)
        worth = np.bincount(np.searchsorted(rare_cells, cells[rare]), weights=-np.log(chances[rare]))
        order = np.argsort(-worth, kind="stable")
        names = [self._name(line, int(rare_cells[entry])) for entry in order[:NAMED]]
        more = f" and {len(rare_cells) - NAMED} others" if len(rare_cells) > NAMED else ""
        value, share = ", ".join(names) + more, seen.shares[low:high][rare][first].sum()
        times = windows.history(line.source).time[seen.items.event[low:high]]
        where = {"hour": "at", "weekday": "on"}.get(line.kind, f"with {line.column}")
        words = f"{rare.sum()} of {high - low} {line.source} {where} {value}: a share of {share:.2g} was expected"
        return self._odd(line, value, words, np.sort(times[rare]), times[[int(chances.argmin())]])

    def _name(self, line: Line, cell: int) -> str:
        """A cell in words."""
        if line.kind == "hour":
            return f"{cell}-{cell + 1} h"
        if line.kind == "weekday":
            return WEEKDAYS[cell]
        if cell == line.size - 1:
            return OTHER
        key = (line.source, line.column)
        if key not in self._known:
            values = EncoderArtifact.current(self._store, line.source).vocabulary(line.column).values
            self._known[key] = [str(entry) for entry in values.slice(0, line.size).cast(pa.string()).to_pylist()]
        return self._known[key][cell]

    def _odd(self, line: Line, value: str | None, words: str, times: np.ndarray, main: np.ndarray) -> Odd:
        first, last, most = (
            None if not len(time) else to_datetime(int(time[0])) for time in (times, times[::-1], main)
        )
        return Odd(self.table(line), line.column or None, value, words, len(times), first, last, most)


def oddest(chances: np.ndarray, most: int, within: float) -> Iterator[int]:
    """Lines of one window, the oddest first: the first, and of the next those with a chance `within`."""
    order = np.argsort(np.where(np.isfinite(chances), chances, np.inf), kind="stable")[:most]
    for rank, line in enumerate(order.tolist()):
        if rank == 0 or chances[line] <= within:
            yield line
