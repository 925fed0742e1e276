"""Numbers coded by the thresholds they are above: all that trees ask of them, in a byte each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numba import njit

from basemodel_ops.boosting.trees import AS_ZERO, LEFT, Trees

BLOCK_ROWS = 512
"""Rows that a tree is replayed for: their codes stay in the second cache while all trees pass."""

CUTS = 255
"""Thresholds that one byte counts; a feature with more of them has several columns."""

STEP = 4
"""Thresholds that are compared at once."""

ZERO = float(np.float32(1e-35))
"""LightGBM takes what is nearer to zero for zero."""


@njit(cache=True, nogil=True)
def coded(
    inputs: np.ndarray, feature: np.ndarray, start: np.ndarray, cuts: np.ndarray, missing: np.ndarray
) -> np.ndarray:
    """Thresholds below each number, uint8 (columns, rows), of inputs (rows, features) of the type of the cuts."""
    rows = len(inputs)
    result = np.empty((len(feature), rows), np.uint8)
    numbers, below = np.empty(BLOCK_ROWS, inputs.dtype), np.empty(BLOCK_ROWS, np.int32)
    for low in range(0, rows, BLOCK_ROWS):
        count = min(BLOCK_ROWS, rows - low)
        for column in range(len(feature)):
            for row in range(count):
                number = inputs[low + row, feature[column]]
                numbers[row] = inputs.dtype.type(0) if abs(number) <= ZERO else number
            below[:] = 0
            # All are compared, side by side: a tenth of the time of a search, whose branches are guessed wrong.
            for k in range(start[column], start[column + 1], STEP):
                c0, c1, c2, c3 = cuts[k], cuts[k + 1], cuts[k + 2], cuts[k + 3]
                for row in range(count):
                    x = numbers[row]
                    below[row] += np.int32(x > c0) + np.int32(x > c1) + np.int32(x > c2) + np.int32(x > c3)
            for row in range(count):
                x = numbers[row]
                result[column, low + row] = missing[column] if x != x else np.uint8(below[row])
    return result


@dataclass(frozen=True)
class Columns:
    """What is to be coded: features, one or more times each, in order."""

    feature: np.ndarray  # (columns,) int64
    start: np.ndarray  # (columns + 1,) int64, where the cuts of each begin
    cuts: np.ndarray  # float64, ascending in each column, and filled up with what no number is above
    missing: np.ndarray  # (columns,) uint8, the code of not-a-number

    @cached_property
    def narrow(self) -> np.ndarray:
        """The cuts as float32, rounded down: the same float32 numbers are above them."""
        with np.errstate(over="ignore"):
            near = self.cuts.astype(np.float32)
        return np.where(near > self.cuts, np.nextafter(near, np.float32(-np.inf)), near)

    def codes(self, inputs: np.ndarray, first: int) -> np.ndarray:
        """Codes (columns, ...) of inputs (..., features), float32 or float64, whose first feature is `first`."""
        width, *shape = inputs.shape[-1], *inputs.shape[:-1]
        low, high = np.searchsorted(self.feature, (first, first + width))
        # Copied where it may not be written: that would be another type, for which to compile again.
        flat = np.require(inputs.reshape(math.prod(shape), width), requirements=["C", "W"])
        cuts = self.narrow if flat.dtype == np.float32 else self.cuts
        result = coded(flat, self.feature[low:high] - first, self.start[low : high + 1], cuts, self.missing[low:high])
        return result.reshape(len(result), *shape)


def columns_of(read: Sequence[Trees]) -> tuple[Columns, np.ndarray, np.ndarray]:
    """Columns to be coded, and the column and the cut of every node: above `cut` thresholds is above its own."""
    feature, threshold, missing = (
        np.concatenate([getattr(trees, name) for trees in read]) for name in ("feature", "threshold", "missing")
    )
    # Not-a-number has one code in a column: so nodes that send it to different sides read different columns.
    key = 3 * feature + missing
    order = np.lexsort((threshold, key))
    key, threshold = key[order], threshold[order]
    is_other = np.append(True, key[1:] != key[:-1])[: len(key)]
    is_cut = is_other | np.append(True, threshold[1:] != threshold[:-1])[: len(key)]
    cuts, keys = threshold[is_cut], key[is_cut]
    index = np.arange(len(cuts))
    rank = index - np.maximum.accumulate(np.where(is_other[is_cut], index, 0))
    begins = rank % CUTS == 0
    start = np.append(np.flatnonzero(begins), len(cuts))
    side = keys[begins] % 3
    at_zero = [np.searchsorted(cuts[low:high], 0.0) for low, high in pairwise(start)]
    code = np.where(side == AS_ZERO, np.array(at_zero, int), np.where(side == LEFT, 0, np.diff(start)))
    column, cut = np.empty((2, len(order)), np.int64)
    number = np.cumsum(is_cut) - 1
    column[order], cut[order] = (np.cumsum(begins) - 1)[number], (rank % CUTS)[number]
    length = np.diff(start)
    filled = np.append(0, np.cumsum(-(-length // STEP) * STEP))
    padded = np.full(filled[-1], np.inf)
    padded[index + np.repeat(filled[:-1] - start[:-1], length)] = cuts
    return Columns(keys[begins] // 3, filled, padded, code.astype(np.uint8)), column, cut.astype(np.uint8)
