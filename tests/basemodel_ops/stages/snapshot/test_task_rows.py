"""Which labels are known when the test begins."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.representation.history import DAY
from basemodel_ops.stages.snapshot.task_rows import TaskRows, known_before_test

PARTS = ["train", "embargo", "validation", "embargo", "embargo", "test", "test", "unlabelled"]


def rows(days: list[int], parts: list[str]) -> TaskRows:
    return TaskRows(pa.chunked_array([["a"] * len(days)]), np.array(days) * DAY, None, np.array(parts))


@pytest.mark.parametrize("horizon", [7, 14, 30])
def test_no_known_label_looks_into_the_test_and_none_that_is_known_is_left_out(horizon: int) -> None:
    days = [0, 10, 40, 55, 62, 70, 77, 84]
    known = known_before_test(rows(days, PARTS), horizon)
    expected = [n for n, day in enumerate(days) if day + horizon <= 70 and PARTS[n] not in ("test", "unlabelled")]
    assert known.tolist() == expected
    assert 2 in known.tolist()


def test_of_a_trait_all_but_the_test_is_known() -> None:
    result = known_before_test(rows([90] * 4, ["train", "test", "validation", "unlabelled"]), None)
    assert result.tolist() == [0, 2]
