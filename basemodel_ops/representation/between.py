"""What lies between the newest events of two sources: which of them came last, and how long before the other came.

A payment that failed a week before the newest call is told by neither age alone, and trees find a difference of two
numbers by steps only.
"""

from itertools import combinations

import numpy as np

from basemodel_ops.representation.history import History
from basemodel_ops.representation.layout import Spec
from basemodel_ops.representation.recent import MINUTE
from basemodel_ops.representation.scalars import ABSENT_DAYS

SOURCES = 12
"""Sources that are paired, the first declared: pairs grow by their square."""


def between_specs(sources: list[str]) -> list[Spec]:
    """Blocks of `between_values`."""
    return [("between", combination, "", other, 1) for combination, other in combinations(sources[:SOURCES], 2)]


def between_values(histories: list[History], cutoffs: np.ndarray) -> np.ndarray:
    """Time from the newest event of one source to that of another, for each pair, float32 (entities, cutoffs, pairs).

    log(1 + minutes), positive where the second source came last, else negative; that of ten years where only one of
    them came at all, 0 where neither did.

    Args:
        histories: Of the same entities, one per source.
        cutoffs: Microseconds, shared (cutoffs,) or of each entity (entities, cutoffs); events strictly before count.
    """
    ages, there = zip(*(_age(history, cutoffs) for history in histories[:SOURCES]), strict=True)
    results = []
    for combination, other in combinations(range(len(ages)), 2):
        apart = ages[combination] - ages[other]
        signed = np.sign(apart) * np.log1p(np.abs(apart))
        alone = (there[other].astype(float) - there[combination]) * np.log1p(ABSENT_DAYS * 24 * 60)
        results.append(np.where(there[combination] & there[other], signed, alone))
    shape = (*ages[0].shape, len(results))
    return np.stack(results, axis=-1).astype(np.float32) if results else np.zeros(shape, np.float32)


def _age(history: History, cutoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minutes since the newest event before each cutoff, and whether there is one, (entities, cutoffs) each."""
    end = history.positions(cutoffs)
    there = end > history.start[:-1, None]
    time = history.time[np.where(there, end - 1, 0)] if len(history.time) else np.zeros(end.shape, np.int64)
    return (cutoffs - time) / MINUTE, there
