"""Metrics per type of task."""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.metrics import log_loss

from basemodel_ops.contract.types import SMALLER_IS_BETTER, Task
from basemodel_ops.tasks.curves import Weight, auroc, average_precision

Metrics = dict[str, dict[str, float]]
"""Metrics by candidate."""

Measure = Callable[[np.ndarray, np.ndarray, Weight], float]
"""A metric of targets (rows,), answers (rows,) or (rows, outputs), and weights; not a number where none is defined."""


def metric_of(task: Task) -> str:
    """What a task is chosen and reported by."""
    return str(task.metric or task.form.metric)


def gain(metric: str, value: float) -> float:
    """A metric's value as something of which more is better."""
    return -value if metric in SMALLER_IS_BETTER else value


def _mean(values: list[float]) -> float:
    """The mean, not a number where nothing could be measured."""
    return float(np.mean(values)) if values else float("nan")


def _finite(error: np.ndarray) -> np.ndarray:
    """The errors of rows, (rows,).

    Raises:
        ValueError: an answer or a target is not finite.
    """
    if not np.isfinite(error).all():
        raise ValueError("Answers that are not finite cannot be measured.")
    return error


def _average(error: np.ndarray, weight: Weight) -> float:
    return float(np.average(_finite(error), weights=weight))


def brier(target: np.ndarray, score: np.ndarray, weight: Weight = None) -> float:
    """The mean squared distance of chances (rows,) from 0 or 1."""
    return _average((target - np.clip(score, 0, 1)) ** 2, weight)


def binary_log_loss(target: np.ndarray, score: np.ndarray, weight: Weight = None) -> float:
    """Minus the mean logarithm of the chance (rows,) of what was true, a millionth at least."""
    chance = np.clip(score, 1e-6, 1 - 1e-6)
    return _average(-np.log(np.where(target == 1, chance, 1 - chance)), weight)


def r2(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """The share of the variance of targets (rows,) that is explained; of equal targets 0, or 1 where all are met.

    Not a number of one row.
    """
    if len(target) < 2:
        return float("nan")
    weight = np.ones(len(target)) if weight is None else weight
    error, spread = (
        float(np.sum(weight * _finite(target - answer) ** 2))
        for answer in (prediction, np.average(target, weights=weight))
    )
    return 1 - error / spread if spread else float(error == 0)


def r2_log(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """R2 of sign(x) log(1 + |x|), as which amounts are learnt; answers below 0 count as 0 where no target is."""
    least = 0.0 if target.min(initial=0) >= 0 else -np.inf
    # Not `signed_log1p`, which takes what is not finite for 0.
    logs = [np.sign(values) * np.log1p(np.abs(values)) for values in (target, np.maximum(prediction, least))]
    return r2(logs[0], logs[1], weight)


def mae(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> float:
    """The mean absolute error, (rows,)."""
    return _average(np.abs(prediction - target), weight)


def macro_auroc(target: np.ndarray, probability: np.ndarray, weight: Weight = None) -> float:
    """The mean AUROC of each class that some rows are of, and some are not, against all others."""
    probability = _padded(target, probability)
    present = [c for c in range(probability.shape[1]) if 0 < (target == c).sum() < len(target)]
    return _mean([auroc(target == c, probability[:, c], weight) for c in present])


def multiclass_log_loss(target: np.ndarray, probability: np.ndarray, weight: Weight = None) -> float:
    """Minus the mean logarithm of the chance of the right class."""
    probability = _padded(target, probability)
    return float(log_loss(target, probability, labels=np.arange(probability.shape[1]), sample_weight=weight))


def accuracy(target: np.ndarray, probability: np.ndarray, weight: Weight = None) -> float:
    """The share of rows whose likeliest class is right."""
    return float(np.average(_padded(target, probability).argmax(1) == target, weights=weight))


def _padded(target: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Chances of classes, (rows, classes): those beyond the last column, which nothing was learnt of, have none."""
    return np.pad(probability, ((0, 0), (0, max(int(target.max()) + 1 - probability.shape[1], 0))))


BINARY: Mapping[str, Measure] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": binary_log_loss,
}
REGRESSION: Mapping[str, Measure] = {"r2_log": r2_log, "mae": mae, "r2": r2}
MULTICLASS: Mapping[str, Measure] = {
    "macro_auroc": macro_auroc,
    "log_loss": multiclass_log_loss,
    "accuracy": accuracy,
}


def multilabel_metrics(target: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Macro AUROC and mean average precision over labels that occur, and the Brier score of all, (rows, labels)."""
    present = [k for k in range(target.shape[1]) if 0 < target[:, k].sum() < len(target)]
    return {
        "macro_auroc": _mean([auroc(target[:, k], score[:, k]) for k in present]),
        "map": _mean([average_precision(target[:, k], score[:, k]) for k in present]),
        "brier": float(np.mean((target - np.clip(score, 0, 1)) ** 2)),
    }


def ranking_metrics(truth: list[np.ndarray], ranked: np.ndarray, k: int = 20) -> dict[str, float]:
    """Recall@k and NDCG@10 over the rows with a positive; `ranked` (rows, items) holds item codes, the best first."""
    has_truth = [len(items) > 0 for items in truth]
    return {name: float(np.mean(values[has_truth])) for name, values in ranking_by_row(truth, ranked, k).items()}


def ranking_by_row(truth: list[np.ndarray], ranked: np.ndarray, k: int = 20) -> dict[str, np.ndarray]:
    """The same of every row, (rows,); not a number where it has no positive."""
    hits = is_among(ranked[:, :k], truth)
    count = np.array([len(items) for items in truth], int)
    positive_count = np.where(count > 0, count, np.nan)
    discount = 1 / np.log2(np.arange(2, 12))
    width = min(hits.shape[1], 10)
    ideal = np.cumsum(discount)[np.clip(count, 1, 10) - 1]
    return {
        "recall_20": hits.sum(axis=1) / positive_count,
        "ndcg_10": np.where(count > 0, hits[:, :width] @ discount[:width] / ideal, np.nan),
    }


def is_among(items: np.ndarray, truth: list[np.ndarray]) -> np.ndarray:
    """Whether each item, (rows, items each), is in its row's list of distinct items; bool, the same shape."""
    row_index = np.repeat(np.arange(len(truth)), [len(part) for part in truth])
    wanted = np.concatenate([np.zeros(0, np.int64), *truth]).astype(np.int64)
    stride = np.int64(2**32)  # codes are 32-bit integers, negative ones too
    rows = np.arange(len(items), dtype=np.int64)[:, None]
    return np.isin(rows * stride + items.astype(np.int64), row_index * stride + wanted)
