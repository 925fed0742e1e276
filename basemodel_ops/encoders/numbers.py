"""Numbers: signed logarithms tame the tails; means and spreads bring them to one scale."""

from dataclasses import dataclass

import numpy as np


def signed_log1p(values: np.ndarray) -> np.ndarray:
    """sign(x) log(1 + |x|): monotone, finite, near-linear at zero. Not-a-number and infinities become 0."""
    clean = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return np.sign(clean) * np.log1p(np.abs(clean))


def signed_expm1(values: np.ndarray) -> np.ndarray:
    """The inverse of `signed_log1p` for finite values."""
    return np.sign(values) * np.expm1(np.abs(values))


@dataclass(frozen=True)
class NumberScale:
    """Mean and standard deviation of a log-scaled column."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, values: np.ndarray) -> "NumberScale":
        """The scale of the finite values; 0 and 1 when there are none."""
        finite = signed_log1p(values[np.isfinite(values)])
        if len(finite) == 0:
            return cls(0.0, 1.0)
        return cls(float(finite.mean()), float(finite.std()) or 1.0)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Standardised values, float32; missing ones at the mean."""
        scaled = (signed_log1p(values) - self.mean) / self.deviation
        return np.where(np.isfinite(values), scaled, 0).astype(np.float32)
