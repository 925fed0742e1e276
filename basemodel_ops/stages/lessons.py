"""The rows that pretraining learns from."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages import futures as places
from basemodel_ops.stages.rows import Examples

LATER = 3
"""Learners are compared on the last third of the cutoffs."""

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
    def of_activity(cls, examples: Examples) -> "Lessons":
        """The rows that activity is learnt from, of only the inputs and the futures that matter to it."""
        place, futures = examples.sample("activity")
        return cls(place, examples.gather(place, examples.positions(*places.READ)), futures)


def later_than(examples: Examples, place: np.ndarray) -> int:
    """The cutoff, microseconds, from which on rows are later ones, by which learners are compared."""
    distinct = np.unique(examples.cutoff[place])
    return int(distinct[len(distinct) - max(len(distinct) // LATER, 1)])
