"""How unlikely the items of a window are under shares that were foreseen: mixtures of what is known of an entity."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from scipy.special import gammaincc

MASSES = (0.5, 2.0, 8.0, 32.0)
"""Decayed events of an entity that end a class of how well its own shares are known."""

ROUNDS = 40
"""Of expectation and maximisation."""

LEAST = 1e-12


@dataclass(frozen=True)
class Mixture:
    """How much each kind of shares counts in the forecast, by how much is known of the entity."""

    weights: np.ndarray  # (classes, kinds), rows sum to 1

    @classmethod
    def of(cls, likelihood: np.ndarray, total_weight: np.ndarray) -> "Mixture":
        """The likeliest weights, by expectation and maximisation.

        Args:
            likelihood: The share that each kind gives to the item of a past event, (events, kinds).
            total_weight: Decayed events of its entity before it, (events,).
        """
        kinds, group = likelihood.shape[1], np.searchsorted(MASSES, total_weight)
        weights = np.full((len(MASSES) + 1, kinds), 1 / kinds)
        for entry in range(len(weights)):
            # Kinds first: NumPy adds up a few long rows in a third of the time that many short ones take.
            its_likelihood = np.ascontiguousarray(likelihood[group == entry].T, np.float64)
            events = its_likelihood.shape[1]
            for _ in range(ROUNDS if events else 0):
                parts = its_likelihood * weights[entry][:, None]
                parts /= np.maximum(parts.sum(axis=0), LEAST)
                # A prior of one event of each kind: none is ruled out by a few.
                weights[entry] = (np.cumsum(parts, axis=1)[:, -1] + 1) / (events + kinds)
        return cls(weights)

    def shares(self, kinds: np.ndarray, total_weight: np.ndarray) -> np.ndarray:
        """Shares foreseen, (rows, items), of those of each kind (kinds, rows, items) and decayed events (rows,)."""
        weights = self.weights[np.searchsorted(MASSES, total_weight)]
        result = np.einsum("rk,kri->ri", weights, kinds)
        return result / np.maximum(result.sum(axis=1, keepdims=True), LEAST)


def tails(shares: np.ndarray, row: np.ndarray, item: np.ndarray) -> np.ndarray:
    """The chance of an item no likelier than that of each event, (events,); half of it where it is the item itself.

    Of items with the same share the first are taken to be less likely.

    Args:
        shares: Foreseen, (rows, items).
        row: Of each event, (events,).
        item: Of each event, (events,).
    """
    order = np.lexsort((item, shares[row, item], row))
    start = np.searchsorted(row, np.arange(len(shares) + 1), sorter=order)
    result = np.empty(len(row))
    result[order] = _tails(np.asarray(shares, np.float64), start, item[order].astype(np.int64))
    return np.maximum(result, LEAST)


@njit(parallel=True, nogil=True, cache=True)
def _tails(shares: np.ndarray, start: np.ndarray, item: np.ndarray) -> np.ndarray:
    """The same of events in the order of row, share and item; those of row r are `start[r]:start[r + 1]`."""
    result = np.empty(len(item))
    for row in prange(len(shares)):
        first, last = start[row], start[row + 1]
        # What lies between two neighbouring events is added up once: items need not be put in order.
        between = np.zeros(last - first + 1)
        for other in range(shares.shape[1] if last > first else 0):
            share = shares[row, other]
            low, high = first, last
            while low < high:
                middle = (low + high) // 2
                its_share = shares[row, item[middle]]
                if its_share > share or (its_share == share and item[middle] > other):
                    high = middle
                else:
                    low = middle + 1
            between[low - first] += share
        below = 0.0
        for event in range(first, last):
            below += between[event - first]
            same = event > first and item[event] == item[event - 1]
            result[event] = result[event - 1] if same else below + shares[row, item[event]] / 2
    return result


def surprise(chances: np.ndarray, row: np.ndarray, rows: int) -> np.ndarray:
    """-log of the chance that as many events are as unlikely together (Fisher), (rows,); not-a-number without events.

    Args:
        chances: Of each event, (events,).
        row: Of each event, (events,).
        rows: Number of rows.
    """
    count = np.bincount(row, minlength=rows)
    total = np.bincount(row, weights=-np.log(chances), minlength=rows)
    with np.errstate(divide="ignore"):
        result = -np.log(np.maximum(gammaincc(np.maximum(count, 1), total), 1e-300))
    return np.where(count > 0, result, np.nan)
