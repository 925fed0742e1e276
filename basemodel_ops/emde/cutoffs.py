"""Cutoffs that all entities share, (cutoffs,), or those of each, (entities, cutoffs), in the form that kernels read.

Where entities have different numbers of cutoffs, rows are padded by their last one: a repeated cutoff says the same
again.
"""

import numpy as np


def as_rows(cutoffs: np.ndarray, entities: int) -> np.ndarray:
    """Moments of each entity, (entities, moments), always a new array in C order.

    So every kernel is compiled for one layout, whether moments were shared, views or read only.

    Raises:
        ValueError: moments are neither one row for all nor one for each entity.
    """
    _check_shape(cutoffs, entities)
    return np.array(np.broadcast_to(cutoffs, (entities, cutoffs.shape[-1])), order="C")


def checked_cutoffs(cutoffs: np.ndarray, entities: int) -> np.ndarray:
    """The cutoffs as they are, shared or of each entity.

    Kernels go through events once, so after a later cutoff an earlier one would see its own future.

    Raises:
        ValueError: cutoffs do not ascend, or are neither one row for all nor one for each entity.
    """
    _check_shape(cutoffs, entities)
    ascends = (cutoffs[..., 1:] >= cutoffs[..., :-1]).all(axis=-1)
    if not ascends.all():
        wrong = cutoffs if cutoffs.ndim == 1 else cutoffs[int(np.argmin(ascends))]
        raise ValueError(f"Cutoffs must ascend, and may repeat; they are {wrong.tolist()}. Sort them.")
    return cutoffs


def per_entity(cutoffs: np.ndarray, entities: int) -> np.ndarray:
    """Ascending cutoffs of each entity, (entities, cutoffs), as `as_rows` makes them.

    Raises:
        ValueError: cutoffs do not ascend, or are neither one row for all nor one for each entity.
    """
    return as_rows(checked_cutoffs(cutoffs, entities), entities)


def _check_shape(cutoffs: np.ndarray, entities: int) -> None:
    if cutoffs.ndim not in (1, 2) or (cutoffs.ndim == 2 and len(cutoffs) != entities):
        raise ValueError(
            f"Cutoffs have the shape {cutoffs.shape}. Give one row for all entities, (cutoffs,), or one row for each "
            f"of them, ({entities}, cutoffs)."
        )
