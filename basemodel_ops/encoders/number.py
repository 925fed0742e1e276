"""Numbers: quantile cells for sketches, the standardised value and its Fourier features for networks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numba import njit, prange

from basemodel_ops.encoders.base import State, flat, refuse
from basemodel_ops.encoders.numbers import NumberScale, signed_log1p

SAMPLE = 1 << 18
"""Values from which quantiles are read, at most."""


@njit(parallel=True, nogil=True, cache=True)
def _find_cells(values: np.ndarray, cuts: np.ndarray, out: np.ndarray) -> None:
    for row in prange(len(values)):
        value = values[row]
        if not np.isfinite(value):
            out[row] = -1
            continue
        low, high = 0, len(cuts)
        while low < high:
            middle = (low + high) // 2
            if value < cuts[middle]:
                high = middle
            else:
                low = middle + 1
        out[row] = low


@njit(parallel=True, nogil=True, cache=True)
def _fill_features(values: np.ndarray, mean: float, deviation: float, out: np.ndarray) -> None:
    octaves = (out.shape[1] - 2) // 2
    for row in prange(len(values)):
        value = np.float64(values[row])
        if not np.isfinite(value):
            out[row] = 0
            continue
        size = np.log1p(abs(value))
        x = ((size if value >= 0 else -size) - mean) / deviation
        out[row, 0], out[row, 1] = x, 1
        if octaves > 0:
            # From the slowest wave up, each is the double angle of the one before: two calls instead of two an octave.
            angle = x / 2.0 ** (octaves - 1)
            sine, cosine = np.sin(angle), np.cos(angle)
            for octave in range(octaves - 1, -1, -1):
                out[row, 2 + 2 * octave], out[row, 3 + 2 * octave] = sine, cosine
                sine, cosine = 2 * sine * cosine, 1 - 2 * sine * sine


@dataclass(frozen=True)
class NumberEncoder:
    """One row of quantile cells; features: value, whether it is known, sin and cos of x / 2^i per octave."""

    kind: ClassVar[str] = "number"
    is_density: ClassVar[bool] = False
    scale: NumberScale
    cuts: np.ndarray  # (cells - 1,) float64, ascending
    octaves: int

    @classmethod
    def fit(cls, batches: Iterable[pa.Array], cells: int = 16, octaves: int = 8) -> "NumberEncoder":
        """Read the scale of the log-scaled numbers, and quantiles that give cells of equal mass.

        Args:
            batches: The column.
            cells: At most; values that fill several quantiles make fewer.
            octaves: Fourier wavelengths, 2 pi, 4 pi, 8 pi … standard deviations.
        """
        count, mean, spread = 0, 0.0, 0.0
        sample, stride, skip = np.zeros(0), 1, 0
        for batch in batches:
            values = floats(batch)
            values = values[np.isfinite(values)].astype(np.float64)
            if len(values) == 0:
                continue
            scaled = signed_log1p(values)
            # Chan's update of mean and squared deviations: one pass, and no difference of two large sums.
            total, delta = count + len(values), scaled.mean() - mean
            spread += scaled.var() * len(values) + delta**2 * count * len(values) / total
            mean, count = mean + delta * len(values) / total, total
            sample = np.concatenate([sample, values[skip::stride]])
            skip = (skip - len(values)) % stride
            while len(sample) > SAMPLE:
                skip += stride * (len(sample) % 2)
                sample, stride = sample[::2], stride * 2
        deviation = float(np.sqrt(spread / count)) if count else 1.0
        levels = np.arange(1, cells) / cells
        cuts = np.unique(np.quantile(sample, levels, method="lower")) if count else np.zeros(0)
        return cls(NumberScale(float(mean), deviation or 1.0), cuts, octaves)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of quantile cells."""
        return (len(self.cuts) + 1,)

    @property
    def names(self) -> tuple[str, ...]:
        """Value, known, and the waves from the fastest to the slowest."""
        waves = [f"{wave}_{octave}" for octave in range(self.octaves) for wave in ("sin", "cos")]
        return ("value", "known", *waves)

    def cells(self, column: pa.Array) -> np.ndarray:
        """Quantile cell of each number, int32 (rows, 1); not-a-number and infinities have none."""
        out = np.empty(len(column), np.int32)
        _find_cells(floats(column), self.cuts, out)
        return out[:, None]

    def features(self, column: pa.Array) -> np.ndarray:
        """Standardised log-scaled value, 1 for known, Fourier features; float32 (rows, 2 + 2 x octaves)."""
        out = np.empty((len(column), 2 + 2 * self.octaves), np.float32)
        _fill_features(floats(column), self.scale.mean, self.scale.deviation, out)
        return out

    def state(self) -> State:
        """Scale and cuts."""
        settings = {"mean": self.scale.mean, "deviation": self.scale.deviation, "octaves": self.octaves}
        return State(self.kind, settings, {"cuts": self.cuts})

    @classmethod
    def from_state(cls, state: State) -> "NumberEncoder":
        """The inverse of `state`."""
        scale = NumberScale(state.settings["mean"], state.settings["deviation"])
        return cls(scale, state.arrays["cuts"], state.settings["octaves"])


def floats(column: pa.Array) -> np.ndarray:
    """Numbers as floats, (rows,); nulls are not-a-number. The one reading of numbers: no other module has its own.

    Raises:
        DataError: they are no numbers.
    """
    column = flat(column)
    if pa.types.is_floating(column.type) and not column.null_count:
        return column.to_numpy()
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise refuse("number", column, "integers, floats, decimals and booleans")
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


ENCODER = NumberEncoder
