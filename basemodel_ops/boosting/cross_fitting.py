"""Cross-fitting: no entity's past is answered by a model that saw what followed it."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from basemodel_ops.encoders.hashing import hash_values

FOLDS = 2

Predict = Callable[[np.ndarray], np.ndarray]
"""Answers (rows, outputs) of inputs (rows, features)."""


def folds_of(entities: pa.Array) -> np.ndarray:
    """The fold of each entity, from a hash of its key: the same in every artifact, int64 (entities,)."""
    return ((hash_values(entities) >> np.uint64(17)) % np.uint64(FOLDS)).astype(np.int64)


def cross_fitted_predictions(
    models: Sequence[Predict], inputs: np.ndarray, fold: np.ndarray, is_past: np.ndarray
) -> np.ndarray:
    """Answers (rows, outputs) of models that left out one fold each.

    A row whose future was there to learn from (`is_past`) is answered by the model that left its entity out, any other
    by the mean of all: nobody saw its future.

    Args:
        models: One per fold; answers (rows, outputs) of inputs.
        inputs: (rows, features).
        fold: (rows,) fold of the row's entity.
        is_past: (rows,) bool.
    """
    result: np.ndarray | None = None
    for number, predict in enumerate(models):
        hidden_rows = ~is_past | (fold == number)
        hidden_predictions = predict(inputs[hidden_rows])
        if result is None:
            result = np.zeros((len(inputs), hidden_predictions.shape[1]), np.float32)
        result[hidden_rows] += hidden_predictions * np.where(is_past[hidden_rows], 1.0, 1 / len(models))[:, None]
    if result is None:
        raise ValueError("There is no model to ask.")
    return result
