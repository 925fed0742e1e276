"""Areas under the curves of a ranking, to the last bit as scikit-learn sums them, without what it checks first.

Of a few hundred rows the checks take many times as long as the sums, and the error of a difference asks for a hundred.
"""

import numpy as np

Weight = np.ndarray | None
"""Of how many rows each speaks, (rows,); None where all speak of one."""


def auroc(target: np.ndarray, score: np.ndarray, weight: Weight = None) -> float:
    """Area under the curve of true by false positives, of 0 or 1 and finite scores (rows,).

    Not a number where 0 or 1 does not occur.
    """
    hits, misses = _passed(target, score, weight)
    if not (hits[-1] and misses[-1]):
        return float("nan")
    if len(hits) > 2:
        is_corner = np.concatenate([[True], (np.diff(misses, 2) != 0) | (np.diff(hits, 2) != 0), [True]])
        hits, misses = hits[is_corner], misses[is_corner]
    hits, misses = np.append(0.0, hits), np.append(0.0, misses)
    return float(np.trapezoid(hits / hits[-1], misses / misses[-1]))


def average_precision(target: np.ndarray, score: np.ndarray, weight: Weight = None) -> float:
    """Mean precision over the positives, of 0 or 1 and finite scores (rows,).

    Not a number where 0 or 1 does not occur.
    """
    hits, misses = _passed(target, score, weight)
    if not (hits[-1] and misses[-1]):
        return float("nan")
    precision, recall = (hits / (hits + misses))[::-1], np.append((hits / hits[-1])[::-1], 0.0)
    return float(max(0.0, -np.sum(np.diff(recall) * precision)))


def _passed(target: np.ndarray, score: np.ndarray, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    """How many 1 and how many 0 have at least each distinct score, the highest first; float64.

    Raises:
        ValueError: scores are not finite.
    """
    if not np.isfinite(score).all():
        raise ValueError("Scores that are not finite cannot be ranked.")
    if weight is not None:  # a row of no weight is none: its score would be a point of the curve
        target, score, weight = target[weight != 0], score[weight != 0], weight[weight != 0]
    order = np.argsort(-score, kind="stable")
    score, target = score[order], target[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    if weight is None:
        hits = np.cumsum(target)[last]
        return hits, 1 + last - hits
    weight = weight[order]
    return np.cumsum(target * weight)[last], np.cumsum((1 - target) * weight)[last]
