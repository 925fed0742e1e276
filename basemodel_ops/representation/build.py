"""Putting the blocks together: what an entity's history says at each cutoff, and what its future will say."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.emde import decayed_counts, last_seen, normalise_rows, pooled_vectors, window_counts
from basemodel_ops.representation.history import DAY, History
from basemodel_ops.representation.layout import Layout
from basemodel_ops.representation.scalars import future_scalars, history_scalars, scalar_names

Spec = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class SourcePlan:
    """What of a source goes into the representation.

    `things` holds the number of values kept exactly per category column; `codes` the (vocabulary, depth) cells and
    `vectors` the Cleora vectors of columns with too many values for that.
    """

    name: str
    numbers: tuple[str, ...]
    things: dict[str, int]
    codes: dict[str, np.ndarray]
    vectors: dict[str, np.ndarray]
    width: int
    density_rows: int


def _thing_cells(history: History, plan: SourcePlan) -> tuple[np.ndarray, int]:
    """Cells of all category columns side by side, int32 (events, columns), and their total."""
    cells, offset = [], 0
    for column, size in plan.things.items():
        codes = history.codes[column]
        cells.append(np.where((codes >= 0) & (codes < size), codes + offset, -1))
        offset += size
    return np.stack(cells, axis=1).astype(np.int32) if cells else np.empty((len(history.time), 0), np.int32), offset


def _sketch_cells(history: History, codes: np.ndarray, column: str, rows: int, width: int) -> np.ndarray:
    """Cells of the first `rows` depth rows, int32 (events, rows); unknown things have none."""
    known = history.codes[column]
    cells = codes[np.maximum(known, 0), :rows] + np.arange(rows) * width
    return np.where(known[:, None] >= 0, cells, -1).astype(np.int32)


def history_layout(plans: list[SourcePlan], half_lives: tuple[float, ...], windows: tuple[int, ...]) -> Layout:
    """Layout of `history_values`."""
    specs: list[Spec] = []
    for plan in plans:
        specs += [("scalar", plan.name, "", name, 1) for name in scalar_names(list(plan.numbers), windows)]
        for life in half_lives:
            specs += [("count", plan.name, column, f"{life:g}", size) for column, size in plan.things.items()]
        specs += [("recency", plan.name, column, "", size) for column, size in plan.things.items()]
        for column, codes in plan.codes.items():
            specs += [("sketch", plan.name, column, f"{life:g}", codes.shape[1] * plan.width) for life in half_lives]
            specs += [("mass", plan.name, column, f"{life:g}", 1) for life in half_lives]
            dimension = plan.vectors[column].shape[1]
            specs += [("pooled", plan.name, column, f"{life:g}", dimension) for life in half_lives]
    return Layout(specs)


def history_values(
    histories: list[History],
    plans: list[SourcePlan],
    cutoffs: np.ndarray,
    half_lives: tuple[float, ...],
    windows: tuple[int, ...],
) -> np.ndarray:
    """The representation strictly before each cutoff (microseconds, ascending), float16 (entities, cutoffs, length)."""
    days, lives = cutoffs / DAY, np.asarray(half_lives, np.float64)
    blocks: list[np.ndarray] = []
    for history, plan in zip(histories, plans, strict=True):
        shape = (history.entities, len(cutoffs), -1)
        blocks.append(history_scalars(history, cutoffs, windows))
        cells, size = _thing_cells(history, plan)
        counts = decayed_counts(history.start, history.days, cells, size, days, lives)
        blocks.append(np.log1p(counts).reshape(shape))
        age = days[None, :, None] - last_seen(history.start, history.days, cells, size, days)
        blocks.append(np.exp2(-age / 28.0))  # 1 just now, one half after four weeks, 0 never
        for column, codes in plan.codes.items():
            depth = codes.shape[1]
            sketch_cells = _sketch_cells(history, codes, column, depth, plan.width)
            sketch = decayed_counts(history.start, history.days, sketch_cells, depth * plan.width, days, lives)
            blocks.append(normalise_rows(sketch, depth, plan.width).reshape(shape))
            blocks.append(np.log1p(sketch[..., : plan.width].sum(axis=-1)))
            pooled = pooled_vectors(
                history.start, history.days, history.codes[column], plan.vectors[column], days, lives
            )
            length = np.linalg.norm(pooled, axis=-1, keepdims=True)
            blocks.append(np.divide(pooled, length, out=np.zeros_like(pooled), where=length > 0).reshape(shape))
    return np.concatenate([block.astype(np.float16) for block in blocks], axis=2)


def future_layout(plans: list[SourcePlan], horizons: tuple[int, ...], thing_horizons: tuple[int, ...]) -> Layout:
    """Layout of `future_values`."""
    specs: list[Spec] = []
    for plan in plans:
        for days in horizons:
            specs.append(("any", plan.name, "", f"{days}", 1))
            specs += [("amount", plan.name, m, f"{days}", 1) for m in ("events", "sessions", "active_days")]
            specs += [("amount", plan.name, number, f"{days}", 1) for number in plan.numbers]
        specs.append(("wait", plan.name, "", f"{max(horizons)}", 1))
    for plan in plans:
        for days in thing_horizons:
            specs += [("thing", plan.name, column, f"{days}", size) for column, size in plan.things.items()]
    for plan in plans:
        for column in plan.codes:
            specs += [
                ("composition", plan.name, column, f"{d}", plan.density_rows * plan.width) for d in thing_horizons
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

    Not-a-number where the window is not over at `end` (microseconds): nothing after it is ever read.
    """
    days = cutoffs / DAY
    spans = np.asarray(thing_horizons, np.float64)
    activity, things, composition = [], [], []
    for history, plan in zip(histories, plans, strict=True):
        shape = (history.entities, len(cutoffs), -1)
        activity.append(future_scalars(history, cutoffs, horizons))
        cells, size = _thing_cells(history, plan)
        things.append(np.log1p(window_counts(history.start, history.days, cells, size, days, spans)).reshape(shape))
        for column, codes in plan.codes.items():
            rows = plan.density_rows
            cells = _sketch_cells(history, codes, column, rows, plan.width)
            counts = window_counts(history.start, history.days, cells, rows * plan.width, days, spans)
            counts = counts.reshape(*counts.shape[:-1], rows, plan.width)
            mass = counts.sum(axis=-1, keepdims=True)
            shares = np.divide(counts, mass, out=np.zeros_like(counts), where=mass > 0)
            composition.append(shares.reshape(shape))
    values = np.concatenate([*activity, *things, *composition], axis=2).astype(np.float16)
    for block in future_layout(plans, horizons, thing_horizons).blocks:
        values[:, cutoffs + int(block.detail) * DAY > end, block.offset : block.end] = np.nan
    return values
