"""What became of those who share an item: the answers of earlier rows, by their newest and their usual items.

A rate by group that only knows answers whose window was over is what target statistics are without leaking
(Micci-Barreca 2001; "ordered" in Prokhorenkova et al. 2018, with time as the order).
"""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.contract.types import TaskType
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.split import DAY

HALF_LIVES = (4, 16)
"""Half-lives of an answer's weight, in horizons."""

PRIOR = 10.0
"""Weight of the answers of all beside those of a group."""

MOST_KEYS = 50_000
"""Groups of a kind that are kept for scoring, those with most answers."""


FARTHEST = 400.0
"""Halvings after which sums are seen from a newer moment: 64-bit numbers hold a thousand."""


@dataclass(frozen=True)
class Peers:
    """Rates and support of every group at one moment.

    `keys` holds per kind of group the groups in ascending order, (groups,) int64; `values` what is told of each, and
    last of a group never met, (groups + 1, features) float32.
    """

    keys: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...]

    def look_up(self, keys: np.ndarray) -> np.ndarray:
        """What is told of the groups of rows: (rows, kinds) to float32 (rows, kinds x features)."""
        results = []
        for known_keys, values, query_keys in zip(self.keys, self.values, keys.T, strict=True):
            at = np.minimum(np.searchsorted(known_keys, query_keys), max(len(known_keys) - 1, 0))
            met = known_keys[at] == query_keys if len(known_keys) else np.zeros(len(query_keys), bool)
            results.append(values[np.where(met, at, len(known_keys))])
        return np.hstack(results) if results else np.zeros((len(keys), 0), np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        named = {f"keys {n}": keys for n, keys in enumerate(self.keys)}
        return named | {f"values {n}": values for n, values in enumerate(self.values)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Peers":
        """The inverse of `arrays`."""
        kinds = range(len(arrays) // 2)
        return cls(tuple(arrays[f"keys {n}"] for n in kinds), tuple(arrays[f"values {n}"] for n in kinds))


def outputs_of(kind: TaskType, target: np.ndarray) -> np.ndarray:
    """What is averaged of answers, float32 (rows, outputs): a yes, the logarithm of an amount, each frequent class."""
    values = kind_of(kind).of_peers(target)
    return values.reshape(len(target), -1).astype(np.float32)


def peer_values(
    keys: np.ndarray, outputs: np.ndarray, cutoff: np.ndarray, as_of: np.ndarray, horizon: int,
    weight: np.ndarray | None = None, known: np.ndarray | None = None, half_lives: tuple[int, ...] = HALF_LIVES,
) -> tuple[np.ndarray, Peers]:  # fmt: skip
    """What was known of each row's groups, and what is known at the end.

    A row knows the answers whose window was over at its `as_of`. They fade; a rate is drawn to that of all by `PRIOR`.

    Args:
        keys: Groups of the rows, int64 (rows, kinds).
        outputs: Answers, (rows, outputs).
        cutoff: Microseconds, (rows,).
        as_of: Microseconds, (rows,), at most the cutoff of the row.
        horizon: Days until an answer is known.
        weight: Of how many rows each speaks, (rows,).
        known: Microseconds from which on each answer is known, (rows,), where that is not a horizon after its cutoff.
        half_lives: Of an answer's weight, in horizons.

    Returns:
        float32 (rows, kinds x (outputs + 1) x half-lives): per kind and half-life rates and log(1 + support); and the
        same of every group when all answers are known.
    """
    rows, kinds = keys.shape
    known = cutoff + horizon * DAY if known is None else known
    amounts = np.hstack([outputs, np.ones((rows, 1))]) * (1.0 if weight is None else weight[:, None])
    groups = [np.unique(column, return_inverse=True) for column in keys.T]
    first = np.cumsum([0, *(len(keys) for keys, _ in groups)])
    code = np.zeros((rows, kinds), np.int64)
    for kind, (_, group_code) in enumerate(groups):
        code[:, kind] = first[kind] + group_code
    order, by_as_of = np.argsort(known, kind="stable"), np.argsort(as_of, kind="stable")
    timestamps = np.unique(as_of)
    known_by = np.searchsorted(known[order], timestamps, side="right")
    queried_by = np.searchsorted(as_of[by_as_of], timestamps, side="right")
    result = np.zeros((rows, kinds * amounts.shape[1] * len(half_lives)), np.float32)
    sums = _Fading(
        np.array(half_lives) * max(horizon, 1) * DAY, amounts.shape[1], int(first[-1]), int(known.min(initial=0))
    )
    last, seen_rows = 0, 0
    for timestamp, until, upto in zip(timestamps.tolist(), known_by.tolist(), queried_by.tolist(), strict=True):
        sums.add(known[order[last:until]], code[order[last:until]], amounts[order[last:until]])
        here = by_as_of[seen_rows:upto]
        values, total = sums.at(timestamp, code[here].ravel())
        result[here] = _rates(values, total).reshape(len(here), result.shape[1])
        last, seen_rows = until, upto
    sums.add(known[order[last:]], code[order[last:]], amounts[order[last:]])
    now = max(int(known.max(initial=0)), int(timestamps.max(initial=0)))
    return result, _kept([keys for keys, _ in groups], *sums.at(now, np.arange(first[-1])))


class _Fading:
    """Sums of facts by group, which halve in each of several lives. They are kept as seen from one earlier moment, so
    that only groups that are asked for are touched."""

    def __init__(self, half_lives: np.ndarray, amounts: int, groups: int, since: int) -> None:
        self._half_lives, self._since = half_lives, since
        self._sums, self._total = np.zeros((len(half_lives), amounts, groups)), np.zeros((len(half_lives), amounts))

    def add(self, timestamp: np.ndarray, code: np.ndarray, amounts: np.ndarray) -> None:
        """Facts (rows, facts) known at ascending moments (rows,) of groups, one of each kind (rows, kinds)."""
        if not len(timestamp):
            return
        if (int(timestamp[-1]) - self._since) / self._half_lives.min() > FARTHEST:
            fade = np.exp2(-(int(timestamp[-1]) - self._since) / self._half_lives)
            self._sums, self._total = self._sums * fade[:, None, None], self._total * fade[:, None]
            self._since = int(timestamp[-1])
        fresh = (
            np.exp2((timestamp - self._since) / self._half_lives[:, None])[:, None] * amounts.T
        )  # (lives, facts, rows)
        self._total += fresh.sum(axis=2)
        for sums, values in zip(self._sums, fresh, strict=True):
            for total, value in zip(sums, values, strict=True):
                np.add.at(total, code.ravel(), np.repeat(value, code.shape[1]))

    def at(self, timestamp: int, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sums of some groups at a moment, (lives, groups, facts), and those of all rows, (lives, facts)."""
        fade = np.exp2(-(timestamp - self._since) / self._half_lives)[:, None]
        return self._sums[:, :, groups].transpose(0, 2, 1) * fade[:, None], self._total * fade


def _rates(sums: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Rates drawn to those of all, and support: (half-lives, groups, outputs + 1) to (groups, features)."""
    level = total[:, :-1] / np.maximum(total[:, -1:], 1e-9)
    rates = (sums[:, :, :-1] + PRIOR * level[:, None]) / (sums[:, :, -1:] + PRIOR)
    return (
        np.concatenate([rates, np.log1p(sums[:, :, -1:])], axis=2).transpose(1, 0, 2).reshape(sums.shape[1], total.size)
    )


def _kept(groups: list[np.ndarray], sums: np.ndarray, total: np.ndarray) -> Peers:
    keys, values, end = [], [], 0
    for group in groups:
        held, end = sums[:, end : end + len(group)], end + len(group)
        most = np.sort(np.argsort(-held[-1, :, -1], kind="stable")[:MOST_KEYS])
        unseen_group = np.zeros((len(sums), 1, held.shape[2]))
        keys.append(group[most])
        values.append(_rates(np.concatenate([held[:, most], unseen_group], axis=1), total).astype(np.float32))
    return Peers(tuple(keys), tuple(values))
