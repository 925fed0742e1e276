"""Out-of-time parts: the last complete cutoffs test, those before validate, the rest train, a horizon apart."""

from dataclasses import dataclass

import numpy as np

from basemodel_ops.errors import DataError

DAY = 86_400_000_000


@dataclass(frozen=True)
class Split:
    """Cutoffs of each part, microseconds, ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_cutoffs(
    cutoffs: np.ndarray, data_end: int, horizon: int, task: str = "", validations: int = 2, tests: int = 4
) -> Split:
    """Parts of the cutoffs whose window of `horizon` days is over at `data_end` (microseconds).

    The last `tests` of them test; of those before, the last `validations` validate, and the rest train.

    No label window overlaps the next part: between the parts lies at least one horizon.

    Raises:
        DataError: too few complete cutoffs for three parts.
    """
    span = horizon * DAY
    complete = np.sort(cutoffs[cutoffs + span <= data_end])
    test = complete[-tests:]
    before_test = complete[complete + span <= test[0]] if len(test) else complete
    validation = before_test[-validations:]
    train = complete[complete + span <= validation[0]] if len(validation) else complete[:0]
    if len(train) == 0:
        raise DataError(
            f"Task {task or '?'} has {len(complete)} complete cutoffs for a horizon of {horizon} days; training, "
            f"validation and test a horizon apart need more. Shorten the horizon, or start the grid earlier."
        )
    return Split(train, validation, test)
