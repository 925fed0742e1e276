"""The rows that pretraining learns from."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages.features.rows import Examples
from basemodel_ops.stages.foundation import targets

LATER = 3
"""Learners are compared on the last third of the cutoffs."""

MOST, FEWEST = 700_000_000, 5_000
"""Rows times inputs times futures that the learners of activity take, at most, and rows that they take at least."""

Numbers = dict[str, float | int | str]
"""What a stage reports of what it learnt."""


@dataclass(frozen=True)
class Lessons:
    """Which rows these are, what they hold and what followed."""

    place: np.ndarray
    inputs: np.ndarray  # (rows, inputs) float16
    futures: np.ndarray  # (rows, futures) float16

    @classmethod
    def of_things(cls, examples: Examples) -> "Lessons":
        """The rows that things are learnt from: all inputs and all futures."""
        place, futures = examples.sample("futures")
        return cls(place, examples.gather(place, np.arange(examples.layout.length)), futures)

    @classmethod
    def of_activity(cls, examples: Examples, seed: int) -> "Lessons":
        """The rows that activity is learnt from, of only the inputs and the futures that matter to it.

        Fewer rows where many sources make many inputs and futures of each: see `MOST`.
        """
        place, futures = examples.sample("activity")
        read = examples.positions(*targets.READ)
        most = max(int(MOST / max(len(read) * futures.shape[1], 1)), FEWEST)
        if most < len(place):
            some = np.sort(np.random.default_rng((seed, 3)).choice(len(place), most, replace=False))
            place, futures = place[some], futures[some]
        return cls(place, examples.gather(place, read), futures)


def later_than(examples: Examples, place: np.ndarray) -> int:
    """The cutoff, microseconds, from which on rows are later ones, by which learners are compared."""
    distinct = np.unique(examples.cutoff[place])
    return int(distinct[len(distinct) - max(len(distinct) // LATER, 1)])
