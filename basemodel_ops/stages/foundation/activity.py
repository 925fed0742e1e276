"""The learners of activity: what is foreseen of rows of representations, by models that did not learn from them."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.boosting.activity import ActivityBoosters
from basemodel_ops.boosting.cross_fitting import cross_fitted_predictions
from basemodel_ops.foundation import FoundationModel, Shape
from basemodel_ops.stages.features.rows import Represented
from basemodel_ops.stages.foundation import learner_layout

ACTIVITY_HIDDEN = 128

BATCH_ROWS = 32_768
"""Rows that the learners of activity are asked about at once."""


def activity_shape(inputs: int, targets: int, left_out: np.ndarray) -> Shape:
    """Sizes of the network of activity, whose layers and skips read every input but those left out (positions).

    Left out is the calendar: a network draws lines on into times of the year that it has not met.
    """
    read = tuple(sorted(set(range(inputs)) - set(left_out.tolist())))
    return Shape(
        inputs=inputs, scalars=read, activity=targets, item_inputs=(), item_horizons=0, sketch_inputs=(),
        distribution_horizons=0, width=2, hidden=ACTIVITY_HIDDEN, read=read,
    )  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """Both learners of activity, one of each per fold, and the network's share in every answer."""

    boosters: list[ActivityBoosters]
    networks: list[FoundationModel]
    network_weights: np.ndarray

    def predict(self, examples: Represented, row_index: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        """Logits of "occurred" and amounts, float32 (places, targets).

        Rows whose future was there to learn from are answered by the models that left their entity out.
        """
        parts = [
            self._predict(examples, row_index[low : low + BATCH_ROWS], is_past[low : low + BATCH_ROWS])
            for low in range(0, max(len(row_index), 1), BATCH_ROWS)
        ]
        return np.concatenate(parts)

    def _predict(self, examples: Represented, row_index: np.ndarray, is_past: np.ndarray) -> np.ndarray:
        inputs = examples.gather(row_index, examples.positions(*learner_layout.READ)).astype(np.float32)
        fold = examples.folds(row_index)
        result = cross_fitted_predictions([model.predict for model in self.boosters], inputs, fold, is_past)
        if self.network_weights.any():
            network = cross_fitted_predictions([model.activity for model in self.networks], inputs, fold, is_past)
            result = self.network_weights * network + (1 - self.network_weights) * result
        return result.astype(np.float32)
