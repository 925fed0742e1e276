"""Putting the blocks together: what an entity's history says at each cutoff, and what its future will say."""

from dataclasses import dataclass, field, replace

import numpy as np

from basemodel_ops.emde import (
    decayed_counts,
    decayed_moments,
    last_seen,
    pooled_vectors,
    sketch_histories,
    window_counts,
)
from basemodel_ops.encoders import signed_log1p
from basemodel_ops.representation.between import between_specs, between_values
from basemodel_ops.representation.elapsed import elapsed_specs, history_elapsed
from basemodel_ops.representation.half_precision import HalfRows
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.item_numbers import item_number_specs, numbers_by_item
from basemodel_ops.representation.layout import Layout, Spec
from basemodel_ops.representation.observed import decay_factors
from basemodel_ops.representation.recent import PROFILE, profile_values, recent_specs, recent_values
from basemodel_ops.representation.runs import run_specs, run_values
from basemodel_ops.representation.scalars import history_scalars, scalar_names, target_scalars
from basemodel_ops.representation.sessions import once_per_session, session_indices

RECENCY_HALF_LIFE = 28.0
"""Days after which an item that was had counts as half as recent."""


@dataclass(frozen=True)
class Density:
    """A column whose near values share cells: texts and images, of events or of the items they mention.

    Either every event carries its own cells, one track per row, or one track holds the item, a row of `table`.
    """

    tracks: tuple[str, ...]
    width: int
    table: np.ndarray | None = None  # (items, rows) int32, -1 where nothing is known

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return len(self.tracks) if self.table is None else self.table.shape[1]

    def cells(self, history: History) -> np.ndarray:
        """Cells of the events, int32 (events, rows), rows side by side; -1 where nothing is known."""
        if self.table is None:
            cells = np.stack([history.item_ids[track] for track in self.tracks], axis=1)
        else:
            code = history.item_ids[self.tracks[0]]
            cells = np.where(code[:, None] >= 0, self.table[code], -1)
        return np.where(cells >= 0, cells + np.arange(self.rows) * self.width, -1).astype(np.int32)


@dataclass(frozen=True)
class SourcePlan:
    """What of a source goes into the representation.

    `top_items` holds the number of values kept exactly, and predicted, per category column; `item_ids` the (vocabulary,
    depth) cells and `vectors` the Cleora vectors of columns with too many values for that. `cells` holds the number of
    cells of every track that is counted without being predicted: quantiles of numbers, hours, weekdays. `densities`
    holds texts and images. `first_event_time` is the time of the source's first event, microseconds.
    """

    name: str
    first_event_time: int
    numbers: tuple[str, ...]
    top_items: dict[str, int]
    codes: dict[str, np.ndarray]
    vectors: dict[str, np.ndarray]
    width: int
    density_rows: int
    cells: dict[str, int] = field(default_factory=dict)
    densities: dict[str, Density] = field(default_factory=dict)
    moments: dict[str, bool] = field(default_factory=dict)
    """Columns of moments beside the time of the events, and whether each is planned."""
    vocabularies: dict[str, int] = field(default_factory=dict)
    """Number of values of the columns that have more than `top_items` keeps."""
    measured: dict[str, int] = field(default_factory=dict)
    """How many items of each column numbers are told by."""

    def only(self, column: str) -> "SourcePlan":
        """The same of one category column alone."""
        top_items, codes, vectors = (
            {name: kept for name, kept in of.items() if name == column}
            for of in (self.top_items, self.codes, self.vectors)
        )
        return replace(
            self, numbers=(), top_items=top_items, codes=codes, vectors=vectors, cells={}, densities={}, moments={},
            measured={},
        )  # fmt: skip


def _cells_of(history: History, sizes: dict[str, int]) -> tuple[np.ndarray, int]:
    """Cells of tracks side by side, int32 (events, tracks), and their total; codes beyond a size have none."""
    cells, offset = np.empty((len(history.time), len(sizes)), np.int32), 0
    for index, (track, size) in enumerate(sizes.items()):
        codes = history.item_ids[track]
        cells[:, index] = np.where((codes >= 0) & (codes < size), codes + offset, -1)
        offset += size
    return cells, offset


def _target_cells(history: History, codes: np.ndarray, column: str, rows: int, width: int) -> np.ndarray:
    """Cells of the first `rows` depth rows, int32 (events, rows); unknown items have none."""
    known = history.item_ids[column]
    cells = codes[np.maximum(known, 0), :rows] + np.arange(rows) * width
    return np.where(known[:, None] >= 0, cells, -1).astype(np.int32)


def history_layout(
    plans: list[SourcePlan], half_lives: tuple[float, ...], counted: tuple[float, ...], windows: tuple[int, ...]
) -> Layout:
    """Layout of `history_values`."""
    specs: list[Spec] = []
    decay_names, exact = ([f"{half_life:g}" for half_life in days] for days in (half_lives, counted))
    for plan in plans:
        specs += [("scalar", plan.name, "", name, 1) for name in scalar_names(list(plan.numbers), windows)]
        for number in plan.numbers:
            specs += [(kind, plan.name, number, half_life, 1) for half_life in decay_names for kind in ("sum", "mean")]
            specs.append(("last", plan.name, number, "", 1))
        specs += elapsed_specs(plan.name, plan.moments, with_lead=True)
        specs += [("count", plan.name, column, f"{max(half_lives):g}", size) for column, size in plan.top_items.items()]
        specs += [
            ("session", plan.name, column, half_life, size)
            for half_life in exact
            for column, size in plan.top_items.items()
        ]
        specs += [("recency", plan.name, column, "", size) for column, size in plan.top_items.items()]
        specs += [
            ("cell", plan.name, track, half_life, size)
            for half_life in decay_names
            for track, size in plan.cells.items()
        ]
        for column, codes in plan.codes.items():
            specs += [
                ("sketch", plan.name, column, half_life, codes.shape[1] * plan.width) for half_life in decay_names
            ]
            specs += [("total_weight", plan.name, column, half_life, 1) for half_life in decay_names]
            specs += [
                ("pooled", plan.name, column, half_life, plan.vectors[column].shape[1]) for half_life in decay_names
            ]
        for column, density in plan.densities.items():
            specs += [
                ("density", plan.name, column, half_life, density.rows * density.width) for half_life in decay_names
            ]
            specs += [("total_weight", plan.name, column, half_life, 1) for half_life in decay_names]
        specs += item_number_specs(plan.name, plan.measured, plan.numbers, decay_names)
        specs += recent_specs(plan.name, list(plan.top_items), list(plan.numbers))
        specs += [("profile", plan.name, column, name, 1) for column in plan.top_items for name in PROFILE]
        specs += run_specs(plan.name, list(plan.top_items))
    return Layout([*specs, *between_specs([plan.name for plan in plans])])


def history_values(
    histories: list[History],
    plans: list[SourcePlan],
    cutoffs: np.ndarray,
    half_lives: tuple[float, ...],
    counted: tuple[float, ...],
    windows: tuple[int, ...],
) -> np.ndarray:
    """The representation strictly before each cutoff (microseconds), float16 (entities, cutoffs, length).

    Cutoffs ascend and may repeat; they are shared, (cutoffs,), or those of each entity, (entities, cutoffs).
    Sessions with an item are counted at the half-lives `counted`, its events at the longest of `half_lives` alone; all
    else is at `half_lives`. Both are in days.
    """
    days, decay_days, exact = cutoffs / DAY, np.asarray(half_lives, np.float64), np.asarray(counted, np.float64)
    longest = decay_days.max(keepdims=True)
    layout = history_layout(plans, half_lives, counted, windows)
    rows = HalfRows(histories[0].entities, cutoffs.shape[-1], layout.length)
    for history, plan in zip(histories, plans, strict=True):
        factors = decay_factors(cutoffs, plan.first_event_time, decay_days)
        rows.add(history_scalars(history, cutoffs, windows, plan.first_event_time, plan.numbers))
        for number in plan.numbers:
            rows.add(_number_features(history, number, days, decay_days, factors))
        rows.add(history_elapsed(history, plan.moments, cutoffs))
        cells, size = _cells_of(history, plan.top_items)
        counts = decayed_counts(history.start, history.days, cells, size, days, longest)
        rows.add_logs(counts, decay_factors(cutoffs, plan.first_event_time, longest))
        entity_index = history.entity_index
        first = once_per_session(cells, session_indices(entity_index, history.time, history.session), size)
        sessions = decayed_counts(history.start, history.days, first, size, days, exact)
        rows.add_logs(sessions, decay_factors(cutoffs, plan.first_event_time, exact))
        rows.add_recency(last_seen(history.start, history.days, cells, size, days), days, RECENCY_HALF_LIFE)
        in_cells = decayed_counts(history.start, history.days, *_cells_of(history, plan.cells), days, decay_days)
        rows.add_logs(in_cells, factors)
        for column, codes in plan.codes.items():
            item_ids = history.item_ids[column]
            sketch = sketch_histories(history.start, history.days, item_ids, codes, plan.width, days, decay_days)
            _add_sketch(rows, sketch, plan.width)
            pooled = pooled_vectors(history.start, history.days, item_ids, plan.vectors[column], days, decay_days)
            rows.add_directions(pooled, pooled.shape[3])
        for density in plan.densities.values():
            size = density.rows * density.width
            dense = decayed_counts(history.start, history.days, density.cells(history), size, days, decay_days)
            _add_sketch(rows, dense, density.width)
        rows.add(numbers_by_item(history, *_cells_of(history, plan.measured), plan.numbers, days, decay_days, factors))
        rows.add(recent_values(history, list(plan.top_items), list(plan.numbers), cutoffs))
        rows.add(profile_values(counts[:, :, 0], list(plan.top_items.values())))
        rows.add(run_values(history, list(plan.top_items), cutoffs))
    rows.add(between_values(histories, cutoffs))
    return rows.finished()


def _add_sketch(rows: HalfRows, sketch: np.ndarray, width: int) -> None:
    """Rows of a sketch as distributions of length 1, and the log of the mass that each holds, per half-life."""
    rows.add_directions(sketch, width, are_counts=True)
    rows.add(np.log1p(sketch[..., :width].sum(axis=-1)))


def _number_features(
    history: History, number: str, days: np.ndarray, decay_days: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Log-scaled decayed sum and mean per half-life, then the last value, (entities, cutoffs, 2 x half-lives + 1)."""
    moments = decayed_moments(history.start, history.days, history.numbers[number], days, decay_days)
    pairs = np.stack([moments.total * factors, moments.mean], axis=-1).reshape(*moments.last.shape, -1)
    return signed_log1p(np.concatenate([pairs, moments.last[..., None]], axis=2))


def target_layout(plans: list[SourcePlan], horizons: tuple[int, ...], item_horizons: tuple[int, ...]) -> Layout:
    """Layout of `target_values`."""
    specs: list[Spec] = []
    for plan in plans:
        for days in horizons:
            specs.append(("occurred", plan.name, "", f"{days}", 1))
            specs += [("amount", plan.name, m, f"{days}", 1) for m in ("events", "sessions", "active_days")]
            specs += [("amount", plan.name, number, f"{days}", 1) for number in plan.numbers]
        specs.append(("time_to_event", plan.name, "", f"{max(horizons)}", 1))
    for days in item_horizons:
        specs += [
            ("item", plan.name, column, f"{days}", size) for plan in plans for column, size in plan.top_items.items()
        ]
    for days in item_horizons:
        specs += [
            ("item_distribution", plan.name, column, f"{days}", plan.density_rows * plan.width)
            for plan in plans
            for column in plan.codes
        ]
    return Layout(specs)


def target_values(
    histories: list[History],
    plans: list[SourcePlan],
    cutoffs: np.ndarray,
    horizons: tuple[int, ...],
    item_horizons: tuple[int, ...],
    end: int,
) -> np.ndarray:
    """What happens in [cutoff, cutoff + horizon), float16 (entities, cutoffs, length).

    Not-a-number where the window is not over at `end` (microseconds): nothing after it is ever read. Cutoffs are as in
    `history_values`.
    """
    # Whole microseconds: a sum of days, rounded, might take an event at the end of a window into it.
    horizon_lengths = np.asarray(item_horizons, np.int64) * DAY
    layout = target_layout(plans, horizons, item_horizons)
    rows = HalfRows(histories[0].entities, cutoffs.shape[-1], layout.length)
    items: list[np.ndarray] = []  # each (entities, cutoffs, horizons, items)
    shares: list[np.ndarray] = []  # each (entities, cutoffs, horizons, depth x width)
    for history, plan in zip(histories, plans, strict=True):
        rows.add(target_scalars(history, cutoffs, horizons, plan.numbers))
        cells, size = _cells_of(history, plan.top_items)
        items.append(window_counts(history.start, history.time, cells, size, cutoffs, horizon_lengths))
        for column, codes in plan.codes.items():
            depth = plan.density_rows
            cells = _target_cells(history, codes, column, depth, plan.width)
            counts = window_counts(history.start, history.time, cells, depth * plan.width, cutoffs, horizon_lengths)
            counts = counts.reshape(*counts.shape[:-1], depth, plan.width)
            total_weight = counts.sum(axis=-1, keepdims=True)
            share = np.divide(counts, total_weight, out=np.zeros_like(counts), where=total_weight > 0)
            shares.append(share.reshape(*share.shape[:3], -1))
    for horizon in range(len(item_horizons)):
        for counts in items:
            rows.add_logs(counts[:, :, [horizon]])
    for horizon in range(len(item_horizons)):
        for share in shares:
            rows.add(share[:, :, horizon])
    values = rows.finished()
    for block in layout.blocks:
        is_open = np.broadcast_to(cutoffs + int(block.detail) * DAY > end, values.shape[:2])
        values[is_open, block.offset : block.end] = np.nan
    return values
