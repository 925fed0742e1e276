"""Whether explanations say what moves a score: the events said to matter most are removed, and as many others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from basemodel_ops.explanations.owen import Explanation, Score

RESAMPLED = 1000
"""Samples of the entities, with replacement, by which the interval is found."""


@dataclass(frozen=True)
class Faithfulness:
    """How far scores move on average, in their unit, when the events are removed that are said to matter, or others."""

    named: float
    random: float
    low: float = float("nan")
    """Of the ratio: 95 % of samples of as many entities lie between `low` and `high`."""
    high: float = float("nan")

    @property
    def ratio(self) -> float:
        """How many times as far; not-a-number where nothing moves anything."""
        return self.named / self.random if self.random else float("inf" if self.named else "nan")


def faithfulness(
    explanations: Sequence[Explanation], players: Sequence[int], score: Score, share: float = 0.1, draws: int = 4,
    seed: int = 0,
) -> Faithfulness:  # fmt: skip
    """Remove a share of the players of every game, at least one: those that add most to where the score stands, or any.

    Args:
        explanations: Of each game.
        players: Of each game.
        score: As for `explain`.
        share: Of the players.
        draws: Random removals of each game, whose moves are averaged.
        seed: Of these.
    """
    generator = np.random.default_rng((seed, 13))
    games, kept = [], []
    for game, (explanation, count) in enumerate(zip(explanations, players, strict=True)):
        if not count:
            continue
        fewest = max(round(share * count), 1)
        towards = np.sign(explanation.score - explanation.empty) * explanation.by_player(count)
        chosen = [np.argsort(-towards, kind="stable")[:fewest]]
        chosen += [generator.choice(count, fewest, replace=False) for _ in range(draws)]
        games += [game] * len(chosen)
        kept += [~np.isin(np.arange(count), removed) for removed in chosen]
    if not games:
        return Faithfulness(0.0, 0.0)
    before = np.array([explanations[game].score for game in games])
    moved = np.abs(score(np.array(games), kept) - before).reshape(-1, draws + 1)
    moves = np.stack([moved[:, 0], moved[:, 1:].mean(axis=1)])  # (2, games)
    drawn = moves[:, generator.integers(0, moves.shape[1], (RESAMPLED, moves.shape[1]))].mean(axis=2)
    # A ratio of means, not a mean of ratios: single entities that nothing moves have none.
    low, high = np.quantile(drawn[0] / np.maximum(drawn[1], 1e-300), [0.025, 0.975])
    named, random = moves.mean(axis=1)
    return Faithfulness(float(named), float(random), float(low), float(high))
