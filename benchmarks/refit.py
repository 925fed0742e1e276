"""How far vectors that were made without a refit are from those of one."""

import numpy as np


def inductive_gap(
    inductive: np.ndarray, refitted: np.ndarray, known: np.ndarray, known_refitted: np.ndarray
) -> dict[str, float]:
    """How far vectors made without a refit are from those of a refit with the new nodes.

    Two fits may differ by a rotation, which is first removed by the one that best maps the known nodes' vectors
    (orthogonal Procrustes).

    Args:
        inductive: Vectors of the new nodes by `embed_unseen`, (new, dimension).
        refitted: Vectors of the same nodes in the refit, (new, dimension).
        known: Vectors of the other nodes, (known, dimension).
        known_refitted: Vectors of the same nodes in the refit, (known, dimension).

    Returns:
        Mean cosine of the new nodes' vectors to their refit, and, as the best that can be expected, of the known ones.
    """
    left, _, right = np.linalg.svd(known.T.astype(np.float64) @ known_refitted)
    rotation = left @ right
    new, old = inductive @ rotation, known @ rotation
    return {
        "cosine_new": float(np.einsum("ij,ij->i", new, refitted).mean()),
        "cosine_known": float(np.einsum("ij,ij->i", old, known_refitted).mean()),
    }
