"""Out-of-time parts: the last complete cutoffs test, those before validate, the rest train, a horizon apart.

Where validation and test begin may be given instead, or how many cutoffs they have.
"""

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
    cutoffs: np.ndarray,
    data_end: int,
    horizon: int,
    task: str = "",
    validations: int = 2,
    tests: int = 4,
    exactly: bool = False,
) -> Split:
    """Parts of the cutoffs whose window of `horizon` days is over at `data_end` (microseconds).

    The last `tests` of them test; of those before, the last `validations` validate, and the rest train. Where there are
    fewer to validate, these do, unless as many as asked for are wanted `exactly`.

    No label window overlaps the next part: between the parts lies at least one horizon.

    Raises:
        DataError: too few complete cutoffs for three parts.
    """
    horizon_length = horizon * DAY
    complete = np.sort(cutoffs[cutoffs + horizon_length <= data_end])
    test = complete[-tests:]
    before_test = complete[complete + horizon_length <= test[0]] if len(test) else complete
    validation = before_test[-validations:]
    train = complete[complete + horizon_length <= validation[0]] if len(validation) else complete[:0]
    if len(train) == 0 or (exactly and (len(validation), len(test)) != (validations, tests)):
        wanted, or_fewer = (" by its `split`", ", or ask for fewer") if exactly else ("", "")
        raise DataError(
            f"Task {task or '?'} has {len(complete)} complete cutoffs for a horizon of {horizon} days; training, "
            f"validation and test a horizon apart need more{wanted}. Shorten the horizon, or start the grid "
            f"earlier{or_fewer}."
        )
    return Split(train, validation, test)


def split_from(
    cutoffs: np.ndarray, data_end: int, horizon: int, validation_from: int, test_from: int, task: str = ""
) -> Split:
    """Parts of the cutoffs whose window of `horizon` days is over at `data_end`; all moments in microseconds.

    Cutoffs from `test_from` on test. Those from `validation_from` on whose window is over by `test_from` validate, and
    those whose window is over by `validation_from` train.

    Raises:
        DataError: a part has no cutoff; says which, and what there is.
    """
    horizon_length = horizon * DAY
    complete = np.sort(cutoffs[cutoffs + horizon_length <= data_end])
    test = complete[complete >= test_from]
    validation = complete[(complete >= validation_from) & (complete + horizon_length <= test_from)]
    train = complete[complete + horizon_length <= validation_from]
    first, second = (
        f"{name} {_written(timestamp)}"
        for name, timestamp in (("validation_from", validation_from), ("test_from", test_from))
    )
    wrong = {
        f"no cutoff from {second} on, to test": len(test) == 0,
        f"no cutoff from {first} on whose window is over by {second}, to validate": len(validation) == 0,
        f"no cutoff whose window is over by {first}, to learn from": len(train) == 0,
    }
    missing = [text for text, is_empty in wrong.items() if is_empty]
    if missing:
        horizon_of = f"from {_written(complete[0])} to {_written(complete[-1])}" if len(complete) else "none at all"
        raise DataError(
            f"The split of task {task or '?'} leaves {'; '.join(missing)}. Cutoffs whose window of {horizon} days is "
            f"over when the data end, at {_written(data_end)}: {len(complete)}, {horizon_of}. Move the dates of the "
            "split "
            "into them, or shorten the horizon."
        )
    return Split(train, validation, test)


def _written(timestamp: int | np.int64) -> str:
    """A moment in microseconds as people write it."""
    return str(np.datetime64(int(timestamp), "us")).replace("T", " ").removesuffix(".000000").removesuffix(" 00:00:00")
