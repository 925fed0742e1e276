"""Rows in half precision, filled block by block: kernels write the bits of each number where it will stand.

numba has no float16 on a CPU. The functions of one number have no branch, no call and no step in 64 bits, so that LLVM
works on eight of them at once: a logarithm takes 2 ns here, and 20 ns as numpy's `log1p` and `astype`.
"""

import numpy as np
from numba import njit

from basemodel_ops.emde.decay import half_power

SMALLEST_NORMAL = np.uint32(0x38800000)
"""Bits of 2^-14, below which half precision has fewer digits."""

TO_SUBNORMAL = np.float32(0.5)
"""What a number below 2^-14 is added to, so that its last bits are those of half precision, rounded to even."""

SUBNORMAL_BITS = TO_SUBNORMAL.view(np.uint32)

REBIAS = np.uint32(0xC8000FFF)
"""(15 - 127) << 23, the difference of the exponents' biases, and one less than half of the last bit that is kept."""

TOO_LARGE, INFINITE = np.uint32(0x47800000), np.uint32(0x7F800000)
"""Bits of 65,536, which half precision takes for infinite, and of infinity."""

INFINITE_HALF, NOT_A_NUMBER = np.uint32(0x7C00), np.uint32(0x7E00)

SQRT_HALF = np.int32(0x3F3504F3)
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
UNIT, HALF = np.float32(1), np.float32(0.5)

# log(1 + f) = f - f^2 / 2 + f^3 P(f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]: the polynomial of Cephes' logf.
P0, P1, P2 = np.float32(7.0376836292e-2), np.float32(-1.1514610310e-1), np.float32(1.1676998740e-1)
P3, P4, P5 = np.float32(-1.2420140846e-1), np.float32(1.4249322787e-1), np.float32(-1.6668057665e-1)
P6, P7, P8 = np.float32(2.0000714765e-1), np.float32(-2.4999993993e-1), np.float32(3.3333331174e-1)


@njit(inline="always", error_model="numpy")
def log1p(x: np.float32) -> np.float32:
    """log(1 + x) of a finite x >= 0, to 2e-7 of its value."""
    y = UNIT + x
    lost = (x - (y - UNIT)) / y
    bits = np.float32(y).view(np.int32)
    exponent = np.int32(np.int32(bits - SQRT_HALF) >> np.int32(23))
    f = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32) - UNIT
    p = (((P0 * f + P1) * f + P2) * f + P3) * f + P4
    p = (((p * f + P5) * f + P6) * f + P7) * f + P8
    n = np.float32(exponent)
    return f + (p * f * f * f + n * LN2_LOW - HALF * f * f) + n * LN2_HIGH + lost


@njit(inline="always", error_model="numpy")
def half_bits(x: np.float32) -> np.uint16:
    """The bits of x in half precision, rounded to nearest, ties to even."""
    bits = np.float32(x).view(np.uint32)
    sign = np.uint32(bits & np.uint32(0x80000000))
    bits = np.uint32(bits ^ sign)
    shifted = np.float32(np.uint32(bits).view(np.float32) + TO_SUBNORMAL)
    small = np.uint32(np.float32(shifted).view(np.uint32) - SUBNORMAL_BITS)
    odd = np.uint32(np.uint32(bits >> np.uint32(13)) & np.uint32(1))
    large = np.uint32(np.uint32(np.uint32(bits + REBIAS) + odd) >> np.uint32(13))
    large = np.uint32(large if bits < TOO_LARGE else (NOT_A_NUMBER if bits > INFINITE else INFINITE_HALF))
    return np.uint16(np.uint32(small if bits < SMALLEST_NORMAL else large) | np.uint32(sign >> np.uint32(16)))


@njit(cache=True, nogil=True, error_model="numpy")
def _write(values: np.ndarray, out: np.ndarray, offset: int) -> None:
    for entity in range(values.shape[0]):
        for cutoff in range(values.shape[1]):
            of, to = values[entity, cutoff], out[entity, cutoff, offset:]
            for i in range(len(of)):
                to[i] = half_bits(of[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _write_logs(counts: np.ndarray, factors: np.ndarray, out: np.ndarray, offset: int) -> None:
    size = counts.shape[3]
    for entity in range(counts.shape[0]):
        for cutoff in range(counts.shape[1]):
            to = out[entity, cutoff, offset:]
            for group in range(counts.shape[2]):
                values, factor = counts[entity, cutoff, group], factors[entity, cutoff, group]
                for i in range(size):
                    to[group * size + i] = half_bits(log1p(values[i] * factor))


@njit(cache=True, nogil=True, error_model="numpy")
def _write_directions(values: np.ndarray, width: int, are_counts: bool, out: np.ndarray, offset: int) -> None:
    part = np.empty(width, np.float32)
    for entity in range(values.shape[0]):
        for cutoff in range(values.shape[1]):
            of, to = values[entity, cutoff], out[entity, cutoff, offset:]
            for low in range(0, len(of), width):
                for i in range(width):
                    part[i] = log1p(of[low + i]) if are_counts else of[low + i]
                total = 0.0
                for i in range(width):
                    total += part[i] * part[i]
                length = np.float32(np.sqrt(total)) if total > 0 else UNIT
                for i in range(width):
                    to[low + i] = half_bits(part[i] / length)


@njit(cache=True, nogil=True, error_model="numpy")
def _write_recency(seen: np.ndarray, now: np.ndarray, half_life: float, out: np.ndarray, offset: int) -> None:
    for entity in range(seen.shape[0]):
        for cutoff in range(seen.shape[1]):
            of, to = seen[entity, cutoff], out[entity, cutoff, offset:]
            for i in range(len(of)):
                to[i] = half_bits(np.float32(half_power((now[entity, cutoff] - of[i]) / half_life)))


class HalfRows:
    """Rows of (entities, cutoffs) that are filled block by block, from the first number to the last."""

    def __init__(self, entities: int, cutoffs: int, length: int) -> None:
        self._values = np.empty((entities, cutoffs, length), np.float16)
        self._bits, self._end = self._values.view(np.uint16), 0

    def _next(self, size: int) -> int:
        """Where the next block of `size` numbers begins."""
        self._end += size
        return self._end - size

    def add(self, values: np.ndarray) -> None:
        """A block of any numbers, (entities, cutoffs, size)."""
        offset = self._next(values.shape[2])
        _write(np.ascontiguousarray(values, np.float32), self._bits, offset)

    def add_logs(self, counts: np.ndarray, factors: np.ndarray | None = None) -> None:
        """log(1 + count x factor), one group of numbers after the other.

        Args:
            counts: None negative, (entities, cutoffs, groups, size).
            factors: (cutoffs, groups) or (entities, cutoffs, groups); 1 without.
        """
        every = np.array(np.broadcast_to(1.0 if factors is None else factors, counts.shape[:3]), np.float32)
        offset = self._next(counts.shape[2] * counts.shape[3])
        _write_logs(np.ascontiguousarray(counts, np.float32), every, self._bits, offset)

    def add_directions(self, values: np.ndarray, width: int, are_counts: bool = False) -> None:
        """Every `width` numbers divided by their length, and left at 0 where that is 0; of counts log(1 + count).

        Args:
            values: float32 (entities, cutoffs, …); what follows the cutoffs is flat in the result.
            width: Numbers that have the length 1 together.
            are_counts: Whether they are counts.
        """
        flat = np.ascontiguousarray(values, np.float32).reshape(*values.shape[:2], -1)
        _write_directions(flat, width, are_counts, self._bits, self._next(flat.shape[2]))

    def add_recency(self, seen: np.ndarray, now: np.ndarray, half_life: float) -> None:
        """2^(-age / half-life): 1 just now, 0 never.

        Args:
            seen: Times, -inf for never, float64 (entities, cutoffs, size).
            now: Cutoffs in the same unit, (cutoffs,) or (entities, cutoffs).
            half_life: In that unit.
        """
        now = np.array(np.broadcast_to(now, seen.shape[:2]), np.float64)
        _write_recency(seen, now, half_life, self._bits, self._next(seen.shape[2]))

    def finished(self) -> np.ndarray:
        """The rows, float16 (entities, cutoffs, length).

        Raises:
            ValueError: the blocks do not fill a row.
        """
        if self._end != self._values.shape[2]:
            raise ValueError(f"Blocks of {self._end} numbers were added to rows of {self._values.shape[2]}.")
        return self._values
