"""Times to an event of which some are censored: what is known of them, and how well they are foreseen.

A time is a number of periods from the cutoff; it is negative where the event was not seen until then (censored), as
boosting libraries have it. The chance that it happens in a period, had it not before, is the hazard of the period.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

PERIODS = 12
"""Periods whose hazards are answered."""

SOON = 1e-6
"""The least time in periods: an event at the cutoff itself comes after it, and its sign must show."""


def is_observed(time: np.ndarray) -> np.ndarray:
    """Whether the event was seen, bool (rows,)."""
    return time > 0


def known_by(time: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Times (rows,) as they are known so many periods (rows,) after the cutoff: what came later is censored there."""
    later = np.abs(time) > known
    return np.where(later, -np.maximum(known, SOON), time)


@dataclass(frozen=True)
class PersonPeriods:
    """The periods in which rows were at risk, one after the other: each is a trial of its own."""

    row: np.ndarray  # int64
    period: np.ndarray  # int64, from 0 on
    happened: np.ndarray  # float64, 1 in the period of an event
    share: np.ndarray  # float64, of the period that was seen: 1 but where a row is censored within it

    @classmethod
    def of(cls, time: np.ndarray) -> "PersonPeriods":
        """Those of rows; of a hazard h, `share` of a period without the event has the chance (1 - h) ** share."""
        length = np.minimum(np.abs(time), PERIODS)
        last = np.ceil(length).astype(np.int64)
        row = np.repeat(np.arange(len(time)), last)
        period = np.arange(len(row)) - np.repeat(np.cumsum(last) - last, last)
        seen = np.minimum(length[row] - period, 1)
        happened = is_observed(time)[row] & (period + 1 >= np.abs(time)[row])
        return cls(row, period, happened.astype(float), np.where(happened, 1, seen))

    def __len__(self) -> int:
        return len(self.row)


def hazards(time: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The hazard of each period over all rows, (PERIODS,); 0 where nobody is at risk."""
    at = PersonPeriods.of(time)
    at_risk = weight[at.row] * at.share
    events, risk = (np.bincount(at.period, entry, PERIODS) for entry in (at_risk * at.happened, at_risk))
    return np.divide(events, risk, out=np.zeros(PERIODS), where=risk > 0)


def survival(hazard: np.ndarray) -> np.ndarray:
    """The chance that the event has not come by the end of each period, from hazards, both (rows, PERIODS)."""
    return np.cumprod(1 - np.clip(hazard, 0, 1), axis=1)


def integrated_brier(time: np.ndarray, chance: np.ndarray) -> float:
    """Mean Brier score of survival at the ends of the periods, weighted by the inverse chance of not being censored.

    Graf et al. 1999, "Assessment and comparison of prognostic classification schemes for survival data". Ends by which
    everyone is censored are left out; not a number where none is left.

    Args:
        time: (rows,) signed.
        chance: (rows, PERIODS) of no event by the end of each period.
    """
    ends, length = np.arange(1.0, chance.shape[1] + 1), np.abs(time)
    free, free_before = _uncensored(time, ends), _uncensored(time, length, before=True)
    scores = []
    for index, end in enumerate(ends):
        if free[index] <= 0:
            continue
        gone, there = (length <= end) & is_observed(time), length > end
        error = np.where(gone, chance[:, index] ** 2 / np.where(gone, free_before, 1), 0)
        error += np.where(there, (1 - chance[:, index]) ** 2 / free[index], 0)
        scores.append(float(error.mean()))
    return float(np.mean(scores)) if scores else float("nan")


def _uncensored(time: np.ndarray, at: np.ndarray, before: bool = False) -> np.ndarray:
    """The product-limit chance of not being censored by each moment; events leave before what is censored with them."""
    timestamps, code = np.unique(np.abs(time), return_inverse=True)
    every = np.bincount(code, minlength=len(timestamps))
    gone = np.bincount(code, is_observed(time), len(timestamps))
    risk = len(time) - np.cumsum(every) + every - gone
    lost = np.divide(every - gone, risk, out=np.zeros(len(timestamps)), where=risk > 0)
    curve = np.concatenate([[1.0], np.cumprod(1 - lost)])
    return curve[np.searchsorted(timestamps, at, side="left" if before else "right")]


def concordance(time: np.ndarray, waits: np.ndarray) -> float:
    """The share of pairs of which it is known whose event came first that are in the order of `waits` (Harrell).

    Equal waits count half. A pair is known where the shorter time is an event and the other is longer, or censored at
    the same time. Not a number where no pair is.

    Args:
        time: (rows,) signed.
        waits: (rows,) expected times, in any unit.
    """
    length, seen = np.abs(time), is_observed(time)
    order = np.lexsort((~seen, length))  # of one time, events first
    ranks = np.unique(waits, return_inverse=True)[1].astype(np.int64)
    pairs, right = _concordant(length[order], seen[order], ranks[order], int(ranks.max(initial=0)) + 1)
    return float(right / pairs) if pairs else float("nan")


@njit(cache=True, nogil=True)
def _concordant(length: np.ndarray, seen: np.ndarray, ranks: np.ndarray, count: int) -> tuple[int, float]:
    """Known pairs and those in order, half ones included; rows by time, the longest read first into a counting tree."""
    tree = np.zeros(count + 1, np.int64)
    pairs, right, inside = 0, 0.0, 0
    row = len(length) - 1
    while row >= 0:
        first = row
        while first > 0 and length[first - 1] == length[row]:
            first -= 1
        for index in range(row, first - 1, -1):  # censored ones of this time are longer than its events
            if not seen[index]:
                inside += 1
                at = ranks[index] + 1
                while at <= count:
                    tree[at] += 1
                    at += at & -at
        for index in range(first, row + 1):
            if seen[index]:
                upto, below = 0, 0
                at = ranks[index] + 1
                while at > 0:
                    upto += tree[at]
                    at -= at & -at
                at = ranks[index]
                while at > 0:
                    below += tree[at]
                    at -= at & -at
                pairs += inside
                right += (inside - upto) + 0.5 * (upto - below)
        for index in range(first, row + 1):
            if seen[index]:
                inside += 1
                at = ranks[index] + 1
                while at <= count:
                    tree[at] += 1
                    at += at & -at
        row = first - 1
    return pairs, float(right)
