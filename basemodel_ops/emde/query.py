"""Asking a sketch what it contains: the approximate inverse."""

import numpy as np


def element_scores(sketch: np.ndarray, codes: np.ndarray, epsilon: float = 1e-6) -> np.ndarray:
    """Log of the geometric mean, over rows, of each element's share: float32 (elements,).

    Args:
        sketch: (depth, width), any non-negative scale.
        codes: (elements, depth).
        epsilon: Share given to an empty cell.
    """
    mass = sketch.sum(axis=1, keepdims=True)
    shares = np.divide(sketch, mass, out=np.zeros_like(sketch, dtype=np.float64), where=mass > 0)
    logs = np.log(shares + epsilon)
    return np.take_along_axis(logs, codes.T, axis=1).mean(axis=0).astype(np.float32)
