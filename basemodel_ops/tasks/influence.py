"""How far each row moves a metric, and by that how sure the metric is: no draws, of however many labels."""

import numpy as np


def standard_error(moved: np.ndarray, entity_index: np.ndarray) -> float:
    """Of a metric that rows move so far, (rows,), where all rows of an entity, (rows,), are one draw: windows of near
    cutoffs overlap."""
    _, whose = np.unique(entity_index, return_inverse=True)
    return float(np.sqrt(np.sum(np.bincount(whose, moved) ** 2)))


def mean_moved(values: np.ndarray) -> np.ndarray:
    """How far each row, (rows,), moves the mean of those that are known; rows that are not a number do not."""
    known = np.isfinite(values)
    return np.where(known, values - values[known].mean(), 0) / known.sum() if known.any() else np.zeros(len(values))


def auroc_moved(label: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean AUROC of labels that some rows have and some do not, and how far each row moves it, (rows,).

    What rows move sums to 0, and its squares to the variance of the mean where rows are apart (DeLong et al., 1988).

    Args:
        label: 0 or 1, (rows, labels).
        score: (rows, labels).
    """
    value, moved, count = 0.0, np.zeros(len(label)), 0
    for positive, scores in zip(label.T > 0, score.T, strict=True):
        yes, no = int(positive.sum()), int((~positive).sum())
        if not (yes and no):
            continue
        right = _right(positive, scores)
        auroc = right[positive].mean()
        moved += (right - auroc) / np.where(positive, yes, no)
        value, count = value + auroc, count + 1
    return (value / count, moved / count) if count else (float("nan"), moved)


def _right(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of the rows of the other kind that each row is on the right side of, equal scores counted half."""
    order = np.argsort(scores)
    first = np.append(0, np.flatnonzero(np.diff(scores[order])) + 1)  # of each run of equal scores
    count = np.diff(np.append(first, len(scores)))
    yes = np.add.reduceat(positive[order], first, dtype=np.int64)
    above_no, above_yes = (
        np.repeat((np.cumsum(members) - members / 2) / members.sum(), count) for members in (count - yes, yes)
    )  # shares that it stands above
    results = np.empty(len(scores))
    results[order] = np.where(positive[order], above_no, 1 - above_yes)
    return results
