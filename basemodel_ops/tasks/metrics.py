"""Metrics per type of task."""

import numpy as np
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, r2_score

from basemodel_ops.contract.types import SMALLER_IS_BETTER, Task
from basemodel_ops.tasks.curves import auroc, average_precision


def metric_of(task: Task) -> str:
    """What a task is chosen and reported by."""
    return str(task.metric or task.form.metric)


def gain(metric: str, value: float) -> float:
    """A metric's value as something of which more is better."""
    return -value if metric in SMALLER_IS_BETTER else value


def _mean(values: list[float]) -> float:
    """The mean, not a number where nothing could be measured."""
    return float(np.mean(values)) if values else float("nan")


Weight = np.ndarray | None
"""Of how many rows each speaks, (rows,); None where all speak of one."""


def binary_metrics(target: np.ndarray, score: np.ndarray, weight: Weight = None) -> dict[str, float]:
    """AUROC, average precision, Brier score and log loss of (rows,); ranking one class only is not a number."""
    both = len(np.unique(target)) == 2
    return {
        "auroc": auroc(target, score, weight) if both else float("nan"),
        "average_precision": average_precision(target, score, weight) if both else float("nan"),
        "brier": float(brier_score_loss(target, np.clip(score, 0, 1), sample_weight=weight)),
        "log_loss": float(log_loss(target, np.clip(score, 1e-6, 1 - 1e-6), labels=[0, 1], sample_weight=weight)),
    }


def regression_metrics(target: np.ndarray, prediction: np.ndarray, weight: Weight = None) -> dict[str, float]:
    """R2 of log(1 + x), mean absolute error and R2 as they are, (rows,)."""
    return {
        "r2_log": float(
            r2_score(np.log1p(np.maximum(target, 0)), np.log1p(np.maximum(prediction, 0)), sample_weight=weight)
        ),
        "mae": float(mean_absolute_error(target, prediction, sample_weight=weight)),
        "r2": float(r2_score(target, prediction, sample_weight=weight)),
    }


def multiclass_metrics(target: np.ndarray, probability: np.ndarray, weight: Weight = None) -> dict[str, float]:
    """Macro one-against-rest AUROC, log loss and accuracy; target (rows,), probability (rows, classes).

    Classes beyond the last column, which the rows learnt from did not have, are given no probability.
    """
    unknown = max(int(target.max()) + 1 - probability.shape[1], 0)
    probability = np.pad(probability, ((0, 0), (0, unknown)))
    present = [c for c in range(probability.shape[1]) if 0 < (target == c).sum() < len(target)]
    return {
        "macro_auroc": _mean([auroc(target == c, probability[:, c], weight) for c in present]),
        "log_loss": float(log_loss(target, probability, labels=np.arange(probability.shape[1]), sample_weight=weight)),
        "accuracy": float(np.average(probability.argmax(1) == target, weights=weight)),
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
    subset = np.where(count > 0, count, np.nan)
    discount = 1 / np.log2(np.arange(2, 12))
    width = min(hits.shape[1], 10)
    ideal = np.cumsum(discount)[np.clip(count, 1, 10) - 1]
    return {
        "recall_20": hits.sum(axis=1) / subset,
        "ndcg_10": np.where(count > 0, hits[:, :width] @ discount[:width] / ideal, np.nan),
    }


def is_among(items: np.ndarray, truth: list[np.ndarray]) -> np.ndarray:
    """Whether each item, (rows, items each), is in its row's list of distinct items; bool, the same shape."""
    row_index = np.repeat(np.arange(len(truth)), [len(part) for part in truth])
    wanted = np.concatenate([np.zeros(0, np.int64), *truth]).astype(np.int64)
    stride = np.int64(2**32)  # codes are 32-bit integers, negative ones too
    rows = np.arange(len(items), dtype=np.int64)[:, None]
    return np.isin(rows * stride + items.astype(np.int64), row_index * stride + wanted)
