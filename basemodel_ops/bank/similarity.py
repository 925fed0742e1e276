"""What things say of each other, from the histories of all entities."""

import numpy as np


def similarity(gram: np.ndarray, penalty: float) -> np.ndarray:
    """Weights by which the other things foretell a thing, (things, things) with an empty diagonal, in closed form.

    Counts (rows, things) times these weights are the affinity of each row to each thing, of which its own count has
    no part (EASE, arXiv 1905.03375).

    Args:
        gram: Products of the counts of two things over all rows, (things, things).
        penalty: Added to the diagonal of `gram`; positive.
    """
    inverse = np.linalg.inv(gram + penalty * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights.astype(np.float32)
