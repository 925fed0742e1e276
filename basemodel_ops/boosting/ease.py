"""What items say of each other, from the histories of all entities."""

import numpy as np


def ease_weights(gram: np.ndarray, penalty: float) -> np.ndarray:
    """Weights by which the other items foretell an item, (items, items) with an empty diagonal, in closed form.

    Counts (rows, items) times these weights are the affinity of each row to each item, of which its own count has
    no part (EASE, arXiv 1905.03375).

    Args:
        gram: Products of the counts of two items over all rows, (items, items).
        penalty: Added to the diagonal of `gram`; positive.
    """
    inverse = np.linalg.inv(gram + penalty * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights.astype(np.float32)
