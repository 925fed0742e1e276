"""What blocks of a row are, in the plainest terms of NumPy."""

import numpy as np


def normalise_rows(counts: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Logs of 1 + the count, each depth row at L2 length 1: the input form of a sketch (..., depth x width)."""
    rows = np.log1p(counts).reshape(*counts.shape[:-1], depth, width)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return rows.reshape(counts.shape)
