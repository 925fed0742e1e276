"""Numbers behind the pictures: curves of scores against labels, distributions, and a plane of many dimensions."""

import numpy as np

BINS = 10
"""Groups of equal size by which scores are held against what came."""

POINTS = 100
"""Points of a curve, about."""

Points = tuple[np.ndarray, np.ndarray]
"""Of a curve, (points,) each."""


def _ordered(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Label, score and weight, the highest score first, and where a score is the last of equal ones."""
    order = np.argsort(-score, kind="stable")
    label, score, weight = label[order], score[order], weight[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    return label, score, weight, last


def thinned(x: np.ndarray, y: np.ndarray) -> Points:
    """About `POINTS` of the points of a curve, its ends among them."""
    shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int))
    return x[shown], y[shown]


def roc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> Points:
    """False and true positive rates from (0, 0) to (1, 1), of 0/1 labels (rows,); equal scores are one step."""
    label, _, weight, last = _ordered(label, score, weight)
    hits, misses = np.cumsum(label * weight)[last], np.cumsum((1 - label) * weight)[last]
    return thinned(*(np.append(0.0, miss / max(miss[-1], 1e-12)) for miss in (misses, hits)))


def precision_recall(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> Points:
    """Recall and precision at every threshold, the highest first."""
    label, _, weight, last = _ordered(label, score, weight)
    hits, taken = np.cumsum(label * weight)[last], np.cumsum(weight)[last]
    return thinned(hits / max(hits[-1], 1e-12), hits / np.maximum(taken, 1e-12))


def gains(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> Points:
    """Share of rows taken, the highest scores first, and the share of all that labels add up to among them."""
    label, _, weight, last = _ordered(label, score, weight)
    taken, result = np.cumsum(weight)[last], np.cumsum(label * weight)[last]
    return thinned(np.append(0.0, taken / taken[-1]), np.append(0.0, result / max(result[-1], 1e-12)))


def lift(taken: np.ndarray, result: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share taken, and how many times as much it holds as a random share of that size; from the curve of gains."""
    is_shown = taken > 0.005
    return taken[is_shown], result[is_shown] / taken[is_shown]


def calibration(
    label: np.ndarray, score: np.ndarray, weight: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray]:
    """Mean score and mean label of groups of equal weight by score, (groups,) each; equal scores are one group."""
    order = np.argsort(score, kind="stable")
    label, score, weight = label[order], score[order], weight[order]
    index = np.minimum(((np.cumsum(weight) - weight / 2) / weight.sum() * bins).astype(int), bins - 1)
    first = np.append(0, np.flatnonzero(np.diff(score)) + 1)
    index = index[first][np.searchsorted(first, np.arange(len(score)), side="right") - 1]
    total = np.bincount(index, weight, bins)
    kept = total > 0
    means = [np.bincount(index, score * weight, bins)[kept] / total[kept] for score in (score, label)]
    return means[0], means[1]


def edges_of(values: np.ndarray, bins: int = 20) -> np.ndarray:
    """Edges of equal bins that hold all but the outermost half percent at either end, (bins + 1,)."""
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.005, 0.995]) if len(values) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the values in each bin; those beyond count to the outermost."""
    inside = np.clip(values, edges[0], edges[-1])
    return np.histogram(inside, edges)[0] / max(len(values), 1)


def stability(before: np.ndarray, now: np.ndarray, bins: int = BINS) -> float:
    """Population stability index of values against earlier ones, over the tenths of the earlier; 0 where nothing moved.

    Below 0.1 is usually called stable, above 0.25 moved.
    """
    inner = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(inner, before, side="right"), minlength=len(inner) + 1) for before in (before, now)
    ]
    old, new = (np.maximum(count / count.sum(), 1e-4) for count in counts)
    return float(((new - old) * np.log(new / old)).sum())


def plane_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in the plane of the two principal components, (rows, 2), and the share of variance that each shows.

    Signs are such that the largest load of a component is positive, so that the same vectors give the same picture.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variance, axes = np.linalg.eigh(centred.T @ centred / max(len(vectors), 1))
    order = np.argsort(variance)[::-1][:2]
    axes, variance = axes[:, order], variance.clip(0)
    loads = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    axes = axes * np.where(loads < 0, -1.0, 1.0)
    indices = np.zeros((len(vectors), 2))
    indices[:, : axes.shape[1]] = centred @ axes
    total = variance.sum()
    return indices, (variance[order] / total if total > 0 else np.zeros(len(order)))
