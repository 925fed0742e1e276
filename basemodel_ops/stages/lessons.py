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
    """Where rows stand, what they hold and what followed."""

    place: np.ndarray
    inputs: np.ndarray  # (rows, inputs) float16
    futures: np.ndarray  # (rows, futures) float16

    @classmethod
    def of_things(cls, examples: Examples) -> "Lessons":
        """The rows that things are learnt from: all inputs and all futures."""
        place, futures = _kept(examples, "futures")
        inputs = np.empty((len(place), examples.layout.length), np.float16)
        for first, values in examples.whole():
            low, high = np.searchsorted(place, [first, first + len(values)])  # rows are kept in their order
            inputs[low:high] = values[place[low:high] - first]
        return cls(place, inputs, futures)

    @classmethod
    def of_activity(cls, examples: Examples) -> "Lessons":
        """The rows that activity is learnt from, of only the inputs and the futures that matter to it."""
        place, futures = _kept(examples, "activity")
        return cls(place, examples.gather(place, examples.positions(*places.READ)), futures)


def _kept(examples: Examples, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a sample, ascending, and their futures (rows, futures)."""
    kept = [arrays for _, arrays in examples.shards(kind)]
    return np.concatenate([arrays["row"] for arrays in kept]), np.concatenate([arrays["values"] for arrays in kept])


def later_than(examples: Examples, place: np.ndarray) -> int:
    """The cutoff, microseconds, from which on rows are later ones, by which learners are compared."""
    distinct = np.unique(places.row_cutoffs(examples, place))
    return int(distinct[len(distinct) - max(len(distinct) // LATER, 1)])
