"""Very many classes: how often those who share an item had each, class by class, pooled by a few weights.

A model of trees takes one a class and a round, and learns of each class from its few rows alone. A pool of rates has
as many weights as there are rates, whatever the number of classes: chances are in proportion to the product of rates,
each to a power (a logarithmic opinion pool, Genest and Zidek 1986), and the powers are those of a conditional logit
(McFadden 1974).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from basemodel_ops.tasks.heads import State
from basemodel_ops.tasks.peers import Peers, peer_values

HALF_LIFE = 16
"""Of an answer's weight, in horizons."""

FEWEST_ROWS = 3
"""Rows of a group below which it is one with all others that are as rare."""

RARE = -1
"""The group of what is rare."""

MOST_COLUMNS, MOST_RATES = 3, 200_000_000
"""Columns whose groups are read, those that tell most; and rates of all rows, as far as one column allows."""

LEARNT_ROWS = 5_000
"""Rows that weights are found by, at most: they are few."""

LEAST_RATE = 5e-5
"""Of a class: what is rarer is nowhere near a chance, and half precision has no use for its logarithm."""

AT_ONCE = 2_000
"""Rows that are answered at once: they bound memory."""


@dataclass(frozen=True)
class ClassRates:
    """Rates of every class in groups of some kinds, as they are known at one moment."""

    kinds: np.ndarray
    """Positions of the kinds of groups, (kinds,)."""
    peers: Peers

    def look_up(self, keys: np.ndarray) -> np.ndarray:
        """Logarithms of the rates in the groups of rows: (rows, all kinds) to float16 (rows, kinds, classes)."""
        common = [
            np.where(np.isin(column, known), column, RARE)
            for column, known in zip(keys[:, self.kinds].T, self.peers.keys, strict=True)
        ]
        return _logarithms(self.peers.look_up(np.stack(common, axis=1)), len(self.kinds))

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {"kinds": self.kinds, **self.peers.arrays()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "ClassRates":
        """The inverse of `arrays`."""
        return cls(arrays["kinds"], Peers.from_arrays({k: v for k, v in arrays.items() if k != "kinds"}))


def class_rates(
    keys: np.ndarray, columns: int, by_class: np.ndarray, cutoff: np.ndarray, as_of: np.ndarray, horizon: int,
    weight: np.ndarray | None = None, known: np.ndarray | None = None,
) -> tuple[np.ndarray, ClassRates]:  # fmt: skip
    """Logarithms of the rates that each row knows of its groups, float16 (rows, kinds, classes), and those at the end.

    Args:
        keys: Groups of the rows, int64 (rows, kinds); those of a column stand side by side.
        columns: Of which the kinds are, as many of each.
        by_class: Whether the answer is each class, (rows, classes).
        cutoff: As `peer_values` has it, like the others.
        as_of: The same.
        horizon: The same.
        weight: The same.
        known: The same.
    """
    of_columns: list[tuple[float, np.ndarray, ClassRates]] = []
    most = min(MOST_COLUMNS, max(MOST_RATES * columns // max(keys.shape[1] * by_class.size, 1), 1))
    for kinds in np.split(np.arange(keys.shape[1]), columns):
        common = np.stack([_common(column) for column in keys[:, kinds].T], axis=1)
        values, peers = peer_values(common, by_class, cutoff, as_of, horizon, weight, known, (HALF_LIFE,))
        rates = _logarithms(values, len(kinds))
        likelihood = float((rates[:, 0] * by_class).sum(dtype=np.float64))
        of_columns = sorted([*of_columns, (likelihood, rates, ClassRates(kinds, peers))], key=lambda entry: -entry[0])[
            :most
        ]
    of_columns.sort(key=lambda entry: int(entry[2].kinds[0]))
    parts = [entry[2] for entry in of_columns]
    peers = Peers(
        tuple(keys for part in parts for keys in part.peers.keys),
        tuple(values for part in parts for values in part.peers.values),
    )
    rates = np.concatenate([entry[1] for entry in of_columns], axis=1)
    return rates, ClassRates(np.concatenate([part.kinds for part in parts]), peers)


def _common(column: np.ndarray) -> np.ndarray:
    _, code, count = np.unique(column, return_inverse=True, return_counts=True)
    return np.where(count[code] < FEWEST_ROWS, RARE, column)


def _logarithms(values: np.ndarray, kinds: int) -> np.ndarray:
    """Rates and support (rows, kinds x (classes + 1)) to float16 logarithms of rates (rows, kinds, classes)."""
    rates = values.reshape(len(values), kinds, -1)[:, :, :-1]
    return np.log(np.maximum(rates, LEAST_RATE)).astype(np.float16)


class ClassRatesHead:
    """Chances in proportion to the product of rates and of the share of each class, each to a power."""

    def __init__(self) -> None:
        self.columns: np.ndarray | None = None
        self._arrays: dict[str, np.ndarray] = {}

    def fit(self, features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Learn the powers from logarithms of rates (rows, kinds, classes), in place."""
        target = target.astype(np.int64)
        counts = np.bincount(target, weight, minlength=features.shape[2])
        log_share = np.log((counts + 0.5) / (counts + 0.5).sum()).astype(np.float32)
        rows = np.unique(np.linspace(0, len(target) - 1, min(len(target), LEARNT_ROWS)).astype(np.int64))
        target, row_index = target[rows], np.arange(len(rows))
        weight = np.ones(len(rows)) if weight is None else weight[rows]
        inputs = np.stack([*features[rows].transpose(1, 0, 2), np.broadcast_to(log_share, (len(rows), len(counts)))])
        inputs = inputs.reshape(len(inputs), -1).astype(np.float32)

        def loss(powers: np.ndarray) -> tuple[float, np.ndarray]:
            chances = softmax((powers.astype(np.float32) @ inputs).reshape(len(rows), -1), axis=1)
            right = np.maximum(chances[row_index, target], 1e-12)
            chances[row_index, target] -= 1
            slope = inputs @ (chances * weight[:, None]).ravel().astype(np.float32)
            value = -(weight * np.log(right)).sum() + powers @ powers / 2
            return float(value / len(rows)), (slope + powers) / len(rows)

        powers = minimize(loss, np.full(len(inputs), 1 / len(inputs)), jac=True, method="L-BFGS-B").x
        self._arrays = {"powers": powers.astype(np.float32), "log_share": log_share}

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The chance of every class, (rows, classes)."""
        powers, log_share = self._arrays["powers"], self._arrays["log_share"]
        parts = [
            np.einsum("rkc,k->rc", features[low : low + AT_ONCE].astype(np.float32), powers[:-1])
            + powers[-1] * log_share
            for low in range(0, len(features), AT_ONCE)
        ]
        return softmax(np.concatenate([*parts, np.zeros((0, len(log_share)), np.float32)]).astype(np.float64), axis=1)

    def state(self) -> State:
        """Arrays and texts from which `restore` makes the head again."""
        return self._arrays, {}

    def restore(self, state: State) -> "ClassRatesHead":
        """Take over a saved state."""
        self._arrays = state[0]
        return self
