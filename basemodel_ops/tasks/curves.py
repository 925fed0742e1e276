"""Areas under the curves of a ranking, to the last bit as scikit-learn sums them, without what it checks first.

Of a few hundred rows the checks take many times as long as the sums, and the error of a difference asks for a hundred.
"""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def auroc(target: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the curve of true by false positives, of 0 or 1 and finite scores (rows,); both occur."""
    if weight is not None:
        return float(roc_auc_score(target, score, sample_weight=weight))
    hits, misses = _passed(target, score)
    if len(hits) > 2:
        is_corner = np.concatenate([[True], (np.diff(misses, 2) != 0) | (np.diff(hits, 2) != 0), [True]])
        hits, misses = hits[is_corner], misses[is_corner]
    hits, misses = np.append(0.0, hits), np.append(0.0, misses)
    return float(np.trapezoid(hits / hits[-1], misses / misses[-1]))


def average_precision(target: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean precision over the positives, of 0 or 1 and finite scores (rows,); some are 1."""
    if weight is not None:
        return float(average_precision_score(target, score, sample_weight=weight))
    hits, misses = _passed(target, score)
    precision, recall = (hits / (hits + misses))[::-1], np.append((hits / hits[-1])[::-1], 0.0)
    return float(max(0.0, -np.sum(np.diff(recall) * precision)))


def _passed(target: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many 1 and how many 0 have at least each distinct score, the highest first; float64.

    Raises:
        ValueError: scores are not finite.
    """
    if not np.isfinite(score).all():
        raise ValueError("Scores that are not finite cannot be ranked.")
    order = np.argsort(-score, kind="stable")
    score = score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    hits = np.cumsum(target[order], dtype=np.float64)[last]
    return hits, 1 + last - hits
