"""Putting the blocks together: what an entity's history says at each cutoff, and what its future will say."""

from dataclasses import dataclass, field

import numpy as np

from basemodel_ops.emde import (
    decayed_counts,
    decayed_moments,
    last_seen,
    normalise_rows,
    pooled_vectors,
    sketch_histories,
    window_counts,
)
from basemodel_ops.encoders import squash
from basemodel_ops.representation.between import between_specs, between_values
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.layout import Layout, Spec
from basemodel_ops.representation.observed import decay_factors
from basemodel_ops.representation.occasions import occasions, once_per_occasion
from basemodel_ops.representation.recent import PROFILE, profile_values, recent_specs, recent_values
from basemodel_ops.representation.runs import run_specs, run_values
from basemodel_ops.representation.scalars import future_scalars, history_scalars, scalar_names


@dataclass(frozen=True)
class Density:
    """A column whose near values share cells: texts and images, of events or of the things they mention.

    Either every event carries its own cells, one track per row, or one track holds the thing, a row of `table`.
    """

    tracks: tuple[str, ...]
    width: int
    table: np.ndarray | None = None  # (things, rows) int32, -1 where nothing is known

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return len(self.tracks) if self.table is None else self.table.shape[1]

    def cells(self, history: History) -> np.ndarray:
        """Cells of the events, int32 (events, rows), rows side by side; -1 where nothing is known."""
        if self.table is None:
            cells = np.stack([history.codes[track] for track in self.tracks], axis=1)
        else:
            code = history.codes[self.tracks[0]]
            cells = np.where(code[:, None] >= 0, self.table[code], -1)
        return np.where(cells >= 0, cells + np.arange(self.rows) * self.width, -1).astype(np.int32)


@dataclass(frozen=True)
class SourcePlan:
    """What of a source goes into the representation.

    `things` holds the number of values kept exactly, and predicted, per category column; `codes` the (vocabulary,
    depth) cells and `vectors` the Cleora vectors of columns with too many values for that. `cells` holds the number of
    cells of every track that is counted without being predicted: quantiles of numbers, hours, weekdays. `densities`
    holds texts and images. `began` is the time of the source's first event, microseconds.
    """

    name: str
    began: int
    numbers: tuple[str, ...]
    things: dict[str, int]
    codes: dict[str, np.ndarray]
    vectors: dict[str, np.ndarray]
    width: int
    density_rows: int
    cells: dict[str, int] = field(default_factory=dict)
    densities: dict[str, Density] = field(default_factory=dict)


def _cells_of(history: History, sizes: dict[str, int]) -> tuple[np.ndarray, int]:
    """Cells of tracks side by side, int32 (events, tracks), and their total; codes beyond a size have none."""
    cells, offset = [], 0
    for track, size in sizes.items():
        codes = history.codes[track]
        cells.append(np.where((codes >= 0) & (codes < size), codes + offset, -1))
        offset += size
    return np.stack(cells, axis=1).astype(np.int32) if cells else np.empty((len(history.time), 0), np.int32), offset


def _future_cells(history: History, codes: np.ndarray, column: str, rows: int, width: int) -> np.ndarray:
    """Cells of the first `rows` depth rows, int32 (events, rows); unknown things have none."""
    known = history.codes[column]
    cells = codes[np.maximum(known, 0), :rows] + np.arange(rows) * width
    return np.where(known[:, None] >= 0, cells, -1).astype(np.int32)


def history_layout(
    plans: list[SourcePlan], half_lives: tuple[float, ...], counted: tuple[float, ...], windows: tuple[int, ...]
) -> Layout:
    """Layout of `history_values`."""
    specs: list[Spec] = []
    lives, exact = ([f"{life:g}" for life in days] for days in (half_lives, counted))
    for plan in plans:
        specs += [("scalar", plan.name, "", name, 1) for name in scalar_names(list(plan.numbers), windows)]
        for number in plan.numbers:
            specs += [(kind, plan.name, number, life, 1) for life in lives for kind in ("sum", "mean")]
            specs.append(("last", plan.name, number, "", 1))
        specs += [("count", plan.name, column, f"{max(half_lives):g}", size) for column, size in plan.things.items()]
        specs += [("occasion", plan.name, column, life, size) for life in exact for column, size in plan.things.items()]
        specs += [("recency", plan.name, column, "", size) for column, size in plan.things.items()]
        specs += [("cell", plan.name, track, life, size) for life in lives for track, size in plan.cells.items()]
        for column, codes in plan.codes.items():
            specs += [("sketch", plan.name, column, life, codes.shape[1] * plan.width) for life in lives]
            specs += [("mass", plan.name, column, life, 1) for life in lives]
            specs += [("pooled", plan.name, column, life, plan.vectors[column].shape[1]) for life in lives]
        for column, density in plan.densities.items():
            specs += [("density", plan.name, column, life, density.rows * density.width) for life in lives]
            specs += [("mass", plan.name, column, life, 1) for life in lives]
        specs += recent_specs(plan.name, list(plan.things), list(plan.numbers))
        specs += [("profile", plan.name, column, name, 1) for column in plan.things for name in PROFILE]
        specs += run_specs(plan.name, list(plan.things))
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
    Occasions with a thing are counted at the half-lives `counted`, its events at the longest of `half_lives` alone; all
    else is at `half_lives`. Both are in days.
    """
    days, lives, exact = cutoffs / DAY, np.asarray(half_lives, np.float64), np.asarray(counted, np.float64)
    blocks: list[np.ndarray] = []
    for history, plan in zip(histories, plans, strict=True):
        shape = (history.entities, cutoffs.shape[-1], -1)
        factors = decay_factors(cutoffs, plan.began, lives)
        blocks.append(history_scalars(history, cutoffs, windows, plan.began))
        blocks += [_moments(history, number, days, lives, factors) for number in plan.numbers]
        cells, size = _cells_of(history, plan.things)
        counts = _faded(history, cells, size, cutoffs, plan.began, lives.max(keepdims=True))
        blocks.append(counts)
        owner = np.repeat(np.arange(history.entities), np.diff(history.start))
        first = once_per_occasion(cells, occasions(owner, history.time, history.session), size)
        blocks.append(_faded(history, first, size, cutoffs, plan.began, exact))
        age = days[..., None] - last_seen(history.start, history.days, cells, size, days)
        blocks.append(np.exp2(-age / 28.0))  # 1 just now, one half after four weeks, 0 never
        blocks.append(_faded(history, *_cells_of(history, plan.cells), cutoffs, plan.began, lives))
        for column, codes in plan.codes.items():
            things = history.codes[column]
            sketch = sketch_histories(history.start, history.days, things, codes, plan.width, days, lives)
            blocks += _rows_and_mass(sketch, codes.shape[1], plan.width)
            pooled = pooled_vectors(history.start, history.days, things, plan.vectors[column], days, lives)
            length = np.linalg.norm(pooled, axis=-1, keepdims=True)
            blocks.append(np.divide(pooled, length, out=np.zeros_like(pooled), where=length > 0).reshape(shape))
        for density in plan.densities.values():
            size = density.rows * density.width
            dense = decayed_counts(history.start, history.days, density.cells(history), size, days, lives)
            blocks += _rows_and_mass(dense, density.rows, density.width)
        blocks.append(recent_values(history, list(plan.things), list(plan.numbers), cutoffs))
        blocks.append(profile_values(counts, list(plan.things.values())))
        blocks.append(run_values(history, list(plan.things), cutoffs))
    blocks.append(between_values(histories, cutoffs))
    return np.concatenate([block.astype(np.float16) for block in blocks], axis=2)


def _faded(
    history: History, cells: np.ndarray, size: int, cutoffs: np.ndarray, began: int, lives: np.ndarray
) -> np.ndarray:
    """log(1 + decayed count) of cells, as if always observed, (entities, cutoffs, half-lives x size)."""
    counts = decayed_counts(history.start, history.days, cells, size, cutoffs / DAY, lives)
    whole = decay_factors(cutoffs, began, lives)[..., None]
    return np.log1p(counts * whole).reshape(*counts.shape[:2], -1)


def _moments(history: History, number: str, days: np.ndarray, lives: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Squashed decayed sum and mean per half-life, then the last value, (entities, cutoffs, 2 x half-lives + 1)."""
    found = decayed_moments(history.start, history.days, history.numbers[number], days, lives)
    pairs = np.stack([found.total * factors, found.mean], axis=-1).reshape(*found.last.shape, -1)
    return squash(np.concatenate([pairs, found.last[..., None]], axis=2))


def _rows_and_mass(sketch: np.ndarray, rows: int, width: int) -> list[np.ndarray]:
    """Rows of a sketch as distributions of length 1, and the log of the mass that each holds, per half-life."""
    shape = (*sketch.shape[:2], -1)
    mass = np.log1p(sketch[..., :width].sum(axis=-1))
    return [normalise_rows(sketch, rows, width).reshape(shape), mass]


def future_layout(plans: list[SourcePlan], horizons: tuple[int, ...], thing_horizons: tuple[int, ...]) -> Layout:
    """Layout of `future_values`."""
    specs: list[Spec] = []
    for plan in plans:
        for days in horizons:
            specs.append(("any", plan.name, "", f"{days}", 1))
            specs += [("amount", plan.name, m, f"{days}", 1) for m in ("events", "sessions", "active_days")]
            specs += [("amount", plan.name, number, f"{days}", 1) for number in plan.numbers]
        specs.append(("wait", plan.name, "", f"{max(horizons)}", 1))
    for days in thing_horizons:
        specs += [
            ("thing", plan.name, column, f"{days}", size) for plan in plans for column, size in plan.things.items()
        ]
    for days in thing_horizons:
        specs += [
            ("composition", plan.name, column, f"{days}", plan.density_rows * plan.width)
            for plan in plans
            for column in plan.codes
        ]
    return Layout(specs)


def future_values(
    histories: list[History],
    plans: list[SourcePlan],
    cutoffs: np.ndarray,
    horizons: tuple[int, ...],
    thing_horizons: tuple[int, ...],
    end: int,
) -> np.ndarray:
    """What happens in [cutoff, cutoff + horizon), float16 (entities, cutoffs, length).

    Not-a-number where the window is not over at `end` (microseconds): nothing after it is ever read. Cutoffs are as in
    `history_values`.
    """
    # Whole microseconds: a sum of days, rounded, might take an event at the end of a window into it.
    spans = np.asarray(thing_horizons, np.int64) * DAY
    activity: list[np.ndarray] = []
    things: list[np.ndarray] = []  # each (entities, cutoffs, horizons, numbers), as composition is
    composition: list[np.ndarray] = []
    for history, plan in zip(histories, plans, strict=True):
        activity.append(future_scalars(history, cutoffs, horizons))
        cells, size = _cells_of(history, plan.things)
        things.append(np.log1p(window_counts(history.start, history.time, cells, size, cutoffs, spans)))
        for column, codes in plan.codes.items():
            rows = plan.density_rows
            cells = _future_cells(history, codes, column, rows, plan.width)
            counts = window_counts(history.start, history.time, cells, rows * plan.width, cutoffs, spans)
            counts = counts.reshape(*counts.shape[:-1], rows, plan.width)
            mass = counts.sum(axis=-1, keepdims=True)
            shares = np.divide(counts, mass, out=np.zeros_like(counts), where=mass > 0)
            composition.append(shares.reshape(*shares.shape[:3], -1))
    by_span = [found[:, :, span] for part in (things, composition) for span in range(len(spans)) for found in part]
    values = np.concatenate([*activity, *by_span], axis=2).astype(np.float16)
    for block in future_layout(plans, horizons, thing_horizons).blocks:
        is_open = np.broadcast_to(cutoffs + int(block.detail) * DAY > end, values.shape[:2])
        values[is_open, block.offset : block.end] = np.nan
    return values
