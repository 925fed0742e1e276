"""Owen values: Shapley values of a game whose players stand in a tree (Owen 1977; nested, Winter 1989).

A player's value is what it adds to the score, on average over all orders of the players in which the members of every
group of the tree stand together. The tree is opened from the top, the group that moves the score most first, as far as
the number of scores that may be asked for reaches. What is not opened keeps its value as a group, so the values of
the parts sum to the score less that of nobody, however far it was opened.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np

from basemodel_ops.explanations.tree import Node

Score = Callable[[np.ndarray, list[np.ndarray]], np.ndarray]
"""Scores (n,) of games (n,), each with the players kept, bool (players,)."""

TOGETHER = 0.5
"""Groups that move the score at least so much of what the first one moves are opened in the same round."""


@dataclass(frozen=True)
class Share:
    """A part of the tree that was not opened further, and what it adds to the score."""

    node: Node
    value: float


@dataclass(frozen=True)
class Explanation:
    """Shares of one score, the largest first, whatever their sign; they sum to `score - empty`."""

    score: float
    empty: float
    shares: tuple[Share, ...]
    evaluations: int

    def by_player(self, players: int) -> np.ndarray:
        """What each player adds, (players,); members of a group that was not opened share alike."""
        result = np.zeros(players)
        for share in self.shares:
            result[share.node.members] = share.value / max(len(share.node.members), 1)
        return result


def explain(
    roots: Sequence[Node], score: Score, evaluations: int = 64, contexts: int = 2, seed: int = 0
) -> list[Explanation]:
    """Share out the scores of many games; in each round one call of `score` asks about all of them.

    Args:
        roots: The tree of each game, whose members are all its players.
        score: Scores of games (n,) with the players kept.
        evaluations: Scores asked for of one game, at most; those of everybody and of nobody are always asked for.
        contexts: In how many surroundings a group is seen, at most, so that the values are exact while every coalition
            of groups fits: a group is opened by all coalitions of its parts where that leaves each part no more
            surroundings, and else by random orders in antithetic pairs.
        seed: Of the orders; a game's do not depend on the other games.

    Returns:
        One explanation per game. Values are exact Owen values where nothing was sampled and all was opened.
    """
    open_games = [_open(root, evaluations, contexts, np.random.default_rng((seed, 11))) for root in roots]
    results: list[Explanation | None] = [None] * len(roots)
    wanted = {game: next(entry) for game, entry in enumerate(open_games)}
    while wanted:
        games = np.repeat(list(wanted), [len(kept) for kept in wanted.values()])
        outputs = score(games, [kept for many in wanted.values() for kept in many])
        ends = np.cumsum([len(kept) for kept in wanted.values()])
        scores = dict(zip(wanted, np.split(np.asarray(outputs, np.float64), ends[:-1]), strict=True))
        wanted = {}
        for game, values in scores.items():
            try:
                wanted[game] = open_games[game].send(values)
            except StopIteration as done:
                results[game] = done.value
    return [explanation for explanation in results if explanation is not None]


@dataclass(frozen=True)
class _Seen:
    """A node in its surroundings: the players there before it, (n, players) bool, and the weight of each, (n,)."""

    node: Node
    before: np.ndarray
    weight: np.ndarray

    @property
    def after(self) -> np.ndarray:
        """The same surroundings with the node's members."""
        result = self.before.copy()
        result[:, self.node.members] = True
        return result

    @property
    def both(self) -> np.ndarray:
        """The surroundings without and with the node's members, (2 x n, players)."""
        return np.concatenate([self.before, self.after])

    def moves(self, known: "_Scores") -> np.ndarray:
        """What the node adds to the score in each, (n,)."""
        before, after = known.of(self.both).reshape(2, -1)
        return after - before


class _Scores:
    """Scores that are known, by the players kept."""

    def __init__(self) -> None:
        self._known: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._known)

    def missing(self, kept: np.ndarray) -> list[np.ndarray]:
        """The rows of (n, players) whose score is not known, once each."""
        rows = dict(zip(self._keys(kept), kept, strict=True))
        return [row for key, row in rows.items() if key not in self._known]

    def add(self, kept: list[np.ndarray], values: np.ndarray) -> None:
        """Note the scores of rows."""
        self._known |= dict(zip(self._keys(np.stack(kept)), values.tolist(), strict=True))

    def of(self, kept: np.ndarray) -> np.ndarray:
        """The scores of rows (n, players)."""
        return np.array([self._known[key] for key in self._keys(kept)])

    @staticmethod
    def _keys(kept: np.ndarray) -> list[bytes]:
        return [row.tobytes() for row in np.packbits(kept, axis=1)]


def _open(
    root: Node, evaluations: int, contexts: int, generator: np.random.Generator
) -> Generator[list[np.ndarray], np.ndarray, Explanation]:
    """Ask for the scores that open a tree, a round at a time."""
    players = len(root.members)
    known = _Scores()
    full = _Seen(root, np.zeros((1, players), bool), np.ones(1))
    ends = known.missing(full.both)
    known.add(ends, (yield ends))
    closed: list[tuple[_Seen, np.ndarray]] = []
    open_ = [(full, full.moves(known))]
    while open_:
        strength = [float(seen.weight @ np.abs(moves)) for seen, moves in open_]
        first = max(strength)
        due = [entry for entry, effect in zip(open_, strength, strict=True) if effect >= TOGETHER * first]
        open_ = [entry for entry, effect in zip(open_, strength, strict=True) if effect < TOGETHER * first]
        queried: list[np.ndarray] = []
        opened: list[_Seen] = []
        for seen, moves in due:
            parts = _parts(seen, contexts, generator) if seen.node.children else []
            needed = known.missing(np.concatenate([part.both for part in parts])) if parts else []
            if not parts or len(known) + len(queried) + len(needed) > max(evaluations, 2):
                closed.append((seen, moves))
            else:
                queried += needed
                opened += parts
        if queried:
            known.add(queried, (yield queried))
        open_ += [(seen, seen.moves(known)) for seen in opened]
    shares = [Share(seen.node, float(seen.weight @ moves)) for seen, moves in closed]
    shares.sort(key=lambda share: -abs(share.value))
    nobody, everybody = known.of(full.both)
    return Explanation(float(everybody), float(nobody), tuple(shares), len(known))


def _parts(seen: _Seen, contexts: int, generator: np.random.Generator) -> list[_Seen]:
    """The parts of a node, each in its surroundings."""
    count = len(seen.node.children)
    if len(seen.weight) * 2 ** (count - 1) <= contexts:
        return _enumerated(seen)
    return _sampled(seen, max(-(-contexts // len(seen.weight)), 1), generator)


def _enumerated(seen: _Seen) -> list[_Seen]:
    """Every coalition of the other parts, with its weight in the Shapley value."""
    children = seen.node.children
    count = len(children)
    results = []
    for number, child in enumerate(children):
        others = [other for index, other in enumerate(children) if index != number]
        before, weight = [], []
        for bits in range(2 ** len(others)):
            kept = seen.before.copy()
            chosen = [other for index, other in enumerate(others) if bits >> index & 1]
            for other in chosen:
                kept[:, other.members] = True
            before.append(kept)
            share = factorial(len(chosen)) * factorial(count - len(chosen) - 1) / factorial(count)
            weight.append(seen.weight * share)
        results.append(_Seen(child, np.concatenate(before), np.concatenate(weight)))
    return results


def _sampled(seen: _Seen, orders: int, generator: np.random.Generator) -> list[_Seen]:
    """The parts before each in random orders, so many per surroundings, every second one that before it reversed."""
    children = seen.node.children
    total = orders * len(seen.weight)
    before = np.repeat(seen.before[None], len(children), axis=0).repeat(orders, axis=1)
    order = np.zeros(0, np.int64)
    for sample in range(total):
        order = generator.permutation(len(children)) if sample % 2 == 0 else order[::-1]
        kept = before[0, sample].copy()
        for index in order:
            before[index, sample] = kept
            kept[children[index].members] = True
    weight = np.repeat(seen.weight, orders) / orders
    return [_Seen(child, masks, weight) for child, masks in zip(children, before, strict=True)]
