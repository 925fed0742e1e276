"""The rows that pretraining learns from."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation import learner_layout

LATER = 3
"""Learners are compared on the last third of the cutoffs."""

MOST, FEWEST = 700_000_000, 5_000
"""Rows times inputs times targets that the learners of activity take, at most, and rows that they take at least."""

ReportMetrics = dict[str, float | int | str]
"""What a stage reports of what it learnt."""


@dataclass(frozen=True)
class TrainingSet:
    """Which rows these are, what they hold and what followed."""

    row_index: np.ndarray
    inputs: np.ndarray  # (rows, inputs) float16
    targets: np.ndarray  # (rows, targets) float16

    @classmethod
    def of_items(cls, examples: ExamplesArtifact) -> "TrainingSet":
        """The rows that items are learnt from: all inputs and all targets."""
        row_index, targets = examples.sample("targets")
        return cls(row_index, examples.gather(row_index, np.arange(examples.layout.length)), targets)

    @classmethod
    def of_activity(cls, examples: ExamplesArtifact, seed: int) -> "TrainingSet":
        """The rows that activity is learnt from, of only the inputs and the targets that matter to it.

        Fewer rows where many sources make many inputs and targets of each: see `MOST`.
        """
        row_index, targets = examples.sample("activity")
        read = examples.positions(*learner_layout.READ)
        most = max(int(MOST / max(len(read) * targets.shape[1], 1)), FEWEST)
        if most < len(row_index):
            sample = np.sort(np.random.default_rng((seed, 3)).choice(len(row_index), most, replace=False))
            row_index, targets = row_index[sample], targets[sample]
        return cls(row_index, examples.gather(row_index, read), targets)


def later_than(examples: ExamplesArtifact, row_index: np.ndarray) -> int:
    """The cutoff, microseconds, from which on rows are later ones, by which learners are compared."""
    distinct = np.unique(examples.cutoff[row_index])
    return int(distinct[len(distinct) - max(len(distinct) // LATER, 1)])
