"""What so few answers of one kind mean for a model: said in words, as figures of them say little."""

from collections.abc import Mapping

import numpy as np

FEW_ROWS = 10
"""Rows of the rarer answer below which a model is guessed rather than learnt."""


def scarcity(task: str, target: np.ndarray, parts: Mapping[str, np.ndarray]) -> str:
    """What to know of a yes-or-no task whose rarer answer has few rows to learn from or be chosen by; else empty.

    Args:
        task: Name.
        target: (rows,) of 0 and 1.
        parts: Positions of the rows of `train`, `validation` and `test`.
    """
    results = {name: (int(target[rows].sum()), len(rows)) for name, rows in parts.items()}
    rarer = {name: min(yes, rows - yes) for name, (yes, rows) in results.items()}
    if rarer["train"] >= FEW_ROWS and rarer["validation"] > 0:
        return ""
    counts = ", ".join(f"{yes:,} of {rows:,} in {name}" for name, (yes, rows) in results.items())
    what = "its validation has one answer only, so nothing was chosen or calibrated by it"
    if rarer["validation"]:
        what = f"fewer than {FEW_ROWS} of the rarer answer are learnt from"
    return (
        f"{task} says yes in {counts}: {what}. Its scores rank at best, and are no probabilities to rely on. Widen its "
        "population, start the grid earlier, or lengthen its horizon."
    )
