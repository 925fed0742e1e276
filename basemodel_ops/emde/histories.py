"""Sketches of whole histories in memory, on the device that is asked for."""

import numpy as np

from basemodel_ops.emde.codes import compact
from basemodel_ops.emde.cutoffs import as_rows, checked_cutoffs
from basemodel_ops.emde.decay import rates_of
from basemodel_ops.emde.device import Device, chosen
from basemodel_ops.emde.kernels import sketch_entities
from basemodel_ops.errors import DataError

NO_WEIGHTS = np.zeros(0, np.float32)


def checked_weights(weights: np.ndarray | None) -> np.ndarray:
    """Weights as float32; those that are not finite count as 0, since nothing is known of their event's size.

    Raises:
        DataError: a weight is negative.
    """
    if weights is None:
        return NO_WEIGHTS
    clean = np.nan_to_num(weights.astype(np.float32), posinf=0, neginf=0)
    if len(clean) and clean.min() < 0:
        row = int(clean.argmin())
        raise DataError(
            f"Event {row} has the weight {clean[row]:g}; a sketch is a density and takes no negative weight. Take the "
            "absolute value, or split gains and losses into two columns, in the dbt model."
        )
    return clean


def sketch_histories(
    start: np.ndarray,
    time: np.ndarray,
    codes: np.ndarray,
    table: np.ndarray,
    width: int,
    cutoffs: np.ndarray,
    half_lives: np.ndarray,
    weights: np.ndarray | None = None,
    device: Device = "cpu",
) -> np.ndarray:
    """Sketches strictly before each cutoff, float32 (entities, cutoffs, half-lives, depth x width).

    Every event adds weight x 2^(-age / half-life) to one cell in each depth row. Sketches of disjoint sets of events
    add up. Times, cutoffs and half-lives share one unit.

    Args:
        start: Events of entity e are `start[e]:start[e + 1]`, sorted by time, int64 (entities + 1,).
        codes: Element of each event, a row of `table`; negative ones are skipped, int32 (events,).
        table: Cell of each element per depth row, below `width`, (elements, depth).
        cutoffs: Ascending, repeated or not: shared, (cutoffs,), or those of each entity, (entities, cutoffs).
        weights: Non-negative factor of each event; those that are not finite count as 0.
        device: `cpu`, `cuda`, or `auto` for CUDA where there is a device.

    Raises:
        DataError: a weight is negative.
        ValueError: cutoffs do not ascend or are of other entities, a half-life is not positive, or a cell is not below
            `width`.
    """
    weights, cutoffs = checked_weights(weights), checked_cutoffs(cutoffs, len(start) - 1)
    table, rates = compact(table, width), rates_of(half_lives)
    cells = table.shape[1] * width
    if chosen(device) == "cuda":
        from basemodel_ops.emde.gpu import sketch_on_device

        return sketch_on_device(start, time, codes, weights, table, width, cutoffs, np.asarray(half_lives, np.float64))
    timestamps = as_rows(cutoffs, len(start) - 1)
    out = np.empty((*timestamps.shape, len(half_lives), cells), np.float32)
    if out.size:
        flat = out.reshape(*timestamps.shape, -1)
        sketch_entities(start, time, codes, weights, table, width, timestamps, rates, flat)
    return out
