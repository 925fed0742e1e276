"""How sure a figure is: metrics over resampled entities, and differences over the same resamples."""

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray], float]
"""A metric of chosen rows, which may repeat."""


def resamples(entity: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Rows of entities drawn with replacement, whole entities at a time."""
    generator = np.random.default_rng(seed)
    codes = np.unique(entity, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return [np.concatenate([rows[n] for n in generator.integers(0, len(rows), len(rows))]) for _ in range(count)]


def interval(measure: Measure, samples: list[np.ndarray]) -> list[float]:
    """The central 95 % of a metric over resamples."""
    result = [measure(rows) for rows in samples]
    return [round(float(value), 4) for value in np.quantile(result, (0.025, 0.975))]


def difference(entry: Measure, other: Measure, samples: list[np.ndarray]) -> dict[str, float]:
    """Mean and central 95 % of the paired difference of two answers' metrics."""
    result = np.array([entry(rows) - other(rows) for rows in samples])
    low, high = np.quantile(result, (0.025, 0.975))
    return {"mean": round(float(result.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
