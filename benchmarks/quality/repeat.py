"""Repeat buying by two textbook models: BG/NBD of how often, gamma-gamma of how much.

Fader, Hardie and Lee, "Counting your customers" the easy way, Marketing Science 24(2), 2005; Fader and Hardie, The
gamma-gamma model of monetary value, 2013. Both see recency, frequency, age and money, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

from benchmarks.quality.events import DAY, Events


@dataclass(frozen=True)
class Buyers:
    """What the models know of each row, (rows,): repeats, days from the first order to the last and to the cutoff."""

    repeats: np.ndarray
    last: np.ndarray
    age: np.ndarray
    mean: np.ndarray  # of the amounts of repeated orders

    @classmethod
    def of(cls, events: Events, entity_index: np.ndarray, cutoff: np.ndarray, money: str) -> "Buyers":
        """From the orders of each owner strictly before its cutoff; orders of one day are one."""
        end, begin = events.before(entity_index, cutoff), events.start[entity_index]
        days = np.concatenate([[0], np.cumsum(events.is_new_day)])
        total = np.concatenate([[0.0], np.cumsum(events.numbers[money])])
        first, newest = events.time[begin], events.time[np.maximum(end - 1, 0)]
        repeats = np.maximum(days[end] - days[begin] - 1, 0).astype(float)
        after = np.searchsorted(events.key, events.key_of(entity_index, first // DAY * DAY + DAY))
        mean = (total[end] - total[np.minimum(after, end)]) / np.maximum(repeats, 1)
        return cls(repeats, (newest - first) / DAY, (cutoff - first) / DAY, mean)

    def rows(self, chosen: np.ndarray) -> "Buyers":
        """The chosen rows."""
        return Buyers(self.repeats[chosen], self.last[chosen], self.age[chosen], self.mean[chosen])


def expected_orders(known: Buyers, requested: Buyers, days: float) -> np.ndarray:
    """Expected orders within `days` of those that are asked, by BG/NBD fitted on what is known."""
    r, alpha, a, b = np.exp(_fitted(lambda logs: _bgnbd_loss(np.exp(logs), known), 4))
    x, last, age = requested.repeats, requested.last, requested.age
    share = hyp2f1(r + x, b + x, a + b + x - 1, days / (alpha + age + days))
    grown = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + days)) ** (r + x) * share)
    left = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + last)) ** (r + x), 0)
    return np.nan_to_num(grown / (1 + left))


def expected_amount(known: Buyers, requested: Buyers) -> np.ndarray:
    """Expected amount of an order of those that are asked, by gamma-gamma fitted on who ordered again."""
    again = known.rows(np.flatnonzero((known.repeats > 0) & (known.mean > 0)))
    p, q, v = np.exp(_fitted(lambda logs: _gamma_loss(np.exp(logs), again), 3))
    return p * (v + requested.repeats * requested.mean) / np.maximum(p * requested.repeats + q - 1, 1e-3)


def _fitted(loss: Callable[[np.ndarray], float], size: int) -> np.ndarray:
    return minimize(loss, np.zeros(size), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-7}).x


def _bgnbd_loss(parameters: np.ndarray, known: Buyers) -> float:
    r, alpha, a, b = parameters
    x, last, age = known.repeats, known.last, known.age
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x) - (r + x) * np.log(alpha + age)
    gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) + gammaln(a + b) + gammaln(b + x) - gammaln(b)
    gone += -gammaln(a + b + x) - (r + x) * np.log(alpha + last)
    return float(-np.mean(common + np.where(x > 0, np.logaddexp(alive, gone), alive)) + 0.001 * (parameters**2).sum())


def _gamma_loss(parameters: np.ndarray, again: Buyers) -> float:
    p, q, v = parameters
    x, mean = again.repeats, again.mean
    result = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v) + (p * x - 1) * np.log(mean)
    result += p * x * np.log(x) - (p * x + q) * np.log(x * mean + v)
    return float(-np.mean(result) + 0.001 * (np.log(parameters) ** 2).sum())
