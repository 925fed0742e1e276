"""Powers of one half, for kernels: 2^-x without a call to `pow`."""

import math

import numpy as np
from numba import njit

POWERS = np.ldexp(1.0, -np.arange(1100))  # 2^-n, exactly; 0 below the smallest double

# Taylor's series of 2^-f around f = 1/2, where |f - 1/2| <= 1/2: the first term left out is below 4e-11.
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9 = (math.sqrt(0.5) * (-math.log(2)) ** n / math.factorial(n) for n in range(10))


@njit(inline="always")
def half_power(x: float) -> float:
    """2^-x of a non-negative x, to ten digits; 0 from x = 160 on, where float32 has no more numbers."""
    if x >= 160.0:
        return 0.0
    full = int(x)
    f = x - full - 0.5
    return POWERS[full] * (
        C0 + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * (C6 + f * (C7 + f * (C8 + f * C9))))))))
    )


def rates_of(half_lives: np.ndarray) -> np.ndarray:
    """1 / half-life, float64 (half-lives,).

    Raises:
        ValueError: there is no half-life, or one is not positive.
    """
    days = np.asarray(half_lives, np.float64)
    if len(days) == 0 or not (days > 0).all():
        raise ValueError(f"Half-lives must be positive; they are {days.tolist()}.")
    return 1 / days
