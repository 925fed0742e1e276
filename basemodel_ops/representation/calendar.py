"""What the calendar says of a cutoff: the day of the year, and the weekday and hour where cutoffs tell them apart.

An office answers on Mondays what was asked on Fridays: of cutoffs a day apart, the weekday says how long until then.
"""

import numpy as np

from basemodel_ops.representation.history import DAY
from basemodel_ops.representation.layout import Spec

HOUR = DAY // 24

OFTEN = 6
"""Cutoffs of each weekday or hour, on average, from which these are told: fewer would only say which cutoff it is."""


def weekday(timestamp: np.ndarray) -> np.ndarray:
    """Weekday of moments (microseconds), from Monday, 0, to Sunday, 6."""
    return (timestamp // DAY + 3) % 7


def hour(timestamp: np.ndarray) -> np.ndarray:
    """Whole hours since midnight of moments (microseconds)."""
    return timestamp // HOUR % 24


CYCLES = {"weekday": weekday, "hour": hour}


def calendar_specs(cutoffs: np.ndarray) -> list[Spec]:
    """Blocks of `calendar_values`, for a grid that has learnt from these cutoffs, (cutoffs,) microseconds.

    A cycle is told where cutoffs stand at more than one of its places and `OFTEN` at each.
    """
    met = np.unique(cutoffs)
    indices = {name: len(np.unique(cycle(met))) for name, cycle in CYCLES.items()}
    regular = [name for name, count in indices.items() if count > 1 and len(met) >= OFTEN * count]
    return [*(("clock", "", "", name, 1) for name in regular), ("calendar", "", "", "", 2)]


def calendar_values(cutoffs: np.ndarray, specs: list[Spec]) -> np.ndarray:
    """What `specs` of `calendar_specs` say of cutoffs (microseconds), float16 (..., cutoffs, numbers).

    Weekdays and hours are numbers, by which trees divide them; the day of the year is a cyclic pair.
    """
    angle = cutoffs / DAY * (2 * np.pi / 365.2425)
    cycles = [CYCLES[detail](cutoffs) for _, _, _, detail, _ in specs if detail]
    return np.stack([*cycles, np.sin(angle), np.cos(angle)], axis=-1).astype(np.float16)
