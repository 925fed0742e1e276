"""How unlikely a number of events is under a forecast: whether there are any, and then how many."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_ndtr
from sklearn.linear_model import LogisticRegression, Ridge

LEAST = 1e-3
"""No chance of any event is taken to be nearer to 0 or 1."""

BINS, BIN_ROWS = 8, 40
"""Forecasts by whose height errors differ: at most so many bins, of at least so many rows each."""

SPREAD = 0.25
"""The least deviation of the log of a number of events."""


@dataclass(frozen=True)
class Chance:
    """How logits of a forecast are read where they are asked for: past windows may all have events, or few."""

    slope: float
    level: float

    @classmethod
    def of(cls, logit: np.ndarray, happened: np.ndarray) -> "Chance":
        """Of past logits and whether it happened, (rows,); one row more of each answer, so that neither is certain."""
        middle = float(logit.mean()) if len(logit) else 0.0
        inputs, answer = np.append(logit, [middle, middle])[:, None], np.append(happened, [False, True])
        curve = LogisticRegression().fit(inputs, answer)
        return cls(max(float(curve.coef_[0, 0]), 0.0), float(curve.intercept_[0]))


@dataclass(frozen=True)
class Reading:
    """How logs of numbers of events follow from a forecast and from how many there used to be: a line."""

    weights: np.ndarray  # (inputs,)
    level: float

    @classmethod
    def of(cls, inputs: np.ndarray, log: np.ndarray) -> "Reading":
        """Of past rows (rows, inputs), the forecast first, and what happened, (rows,)."""
        if len(log) < BIN_ROWS:
            return cls(np.eye(inputs.shape[1])[0], 0.0)
        line = Ridge(1.0).fit(inputs, log)
        return cls(np.asarray(line.coef_), float(line.intercept_))

    def of_rows(self, inputs: np.ndarray) -> np.ndarray:
        """What is foreseen of rows, (rows,)."""
        return inputs @ self.weights + self.level


@dataclass(frozen=True)
class Expected:
    """What is foreseen of the number of events of rows."""

    any: np.ndarray  # (rows,) chance that there are any
    log: np.ndarray  # (rows,) mean of log(1 + number) where there are

    @classmethod
    def of(cls, logit: np.ndarray, log: np.ndarray, read: Chance) -> "Expected":
        """Of the logit of any event and the mean of log(1 + number) where there is any, (rows,)."""
        chance = np.clip(expit(read.slope * logit + read.level), LEAST, 1 - LEAST)
        return cls(chance, np.maximum(log, np.log(2)))

    @property
    def number(self) -> np.ndarray:
        """About how many, (rows,)."""
        return self.any * np.expm1(self.log)


@dataclass(frozen=True)
class Errors:
    """By how much what happened misses its forecast, by the height of the forecast."""

    height: np.ndarray  # (bins,) ascending
    bias: np.ndarray  # (bins,)
    spread: np.ndarray  # (bins,)

    @classmethod
    def of(cls, height: np.ndarray, error: np.ndarray) -> "Errors":
        """Of past rows, (rows,); those with an error that is not-a-number are left out."""
        rows = np.flatnonzero(np.isfinite(error))
        if not len(rows):
            return cls(np.zeros(1), np.zeros(1), np.ones(1))
        rows = rows[np.argsort(height[rows], kind="stable")]
        bins = np.array_split(rows, int(np.clip(len(rows) // BIN_ROWS, 1, BINS)))
        return cls(
            np.array([height[bin].mean() for bin in bins]), np.array([np.median(error[bin]) for bin in bins]),
            np.array([max(float(error[bin].std()), SPREAD) for bin in bins]),
        )  # fmt: skip

    def at(self, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bias and deviation of forecasts of a height, (rows,)."""
        return np.interp(height, self.height, self.bias), np.interp(height, self.height, self.spread)


def log_errors(expected: Expected, number: np.ndarray) -> np.ndarray:
    """By how much logs of numbers of events miss their forecasts, (rows,); not-a-number where there are none."""
    return np.where(number > 0, np.log1p(number) - expected.log, np.nan)


def surprise(expected: Expected, number: np.ndarray, errors: Errors) -> np.ndarray:
    """-log of twice the smaller tail of numbers of events, at least 0, (rows,).

    Where there are any, the log of their number is normal around the forecast, cut to whole numbers.
    """
    bias, spread = errors.at(expected.log)
    middle, count = expected.log + bias, np.maximum(number, 1)
    # Of at least one event: what lies below the first whole number is not there.
    full = log_ndtr((middle - np.log(1.5)) / spread)
    more = np.log(expected.any) + np.minimum(log_ndtr((middle - np.log(count + 0.5)) / spread) - full, 0)
    beyond = np.minimum(log_ndtr((middle - np.log(count + 1.5)) / spread) - full, 0)
    fewer = np.log1p(-expected.any * np.exp(beyond))
    tails = np.where(number > 0, np.minimum(more, fewer), np.log1p(-expected.any))
    return np.maximum(-tails - np.log(2), 0)
