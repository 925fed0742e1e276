"""What follows from the grid: how many of its cutoffs validate and test."""

import numpy as np
import pytest

from basemodel_ops.contract.types import CountedSplit
from basemodel_ops.stages.snapshot.times import Times
from basemodel_ops.tasks.split import DAY


def of_days(count: int) -> Times:
    """A grid of so many days, all of whose windows of a day are over."""
    return Times(np.arange(count) * DAY, count * DAY, 0, validations=2, tests=4)


@pytest.mark.parametrize(("days", "validations", "tests"), [(45, 2, 4), (400, 2, 4), (600, 3, 6), (3793, 18, 37)])
def test_of_a_long_grid_a_hundredth_tests_and_half_as_many_validate(days: int, validations: int, tests: int) -> None:
    split = of_days(days).split(1, "")
    assert (len(split.validation), len(split.test)) == (validations, tests)


def test_a_task_that_counts_its_cutoffs_has_as_many() -> None:
    split = of_days(3793).split(1, "", CountedSplit(validation=1, test=3))
    assert (len(split.validation), len(split.test)) == (1, 3)
