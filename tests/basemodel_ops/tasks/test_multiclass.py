"""Classes of any type of column: each value is one class, called by its text."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from basemodel_ops.contract.types import Cadence, TaskType
from basemodel_ops.tasks.kinds import kind_of

from ...foreign import clinics

CLASSES = {
    "texts": pa.array(["b", "a", "b"]),
    "whole numbers": pa.array([10, 9, 10]),
    "booleans": pa.array([True, False, True]),
    "floats": pa.array([1.0, 0.5, 1.0]),
    "decimals": pa.array([Decimal("2.50"), Decimal("1.00"), Decimal("2.50")]),
    "dates": pa.array([date(2024, 2, 1), date(2024, 1, 1), date(2024, 2, 1)]),
    "moments": pa.array([datetime(2024, 2, 1), datetime(2024, 1, 1), datetime(2024, 2, 1)], pa.timestamp("us")),
    "bytes": pa.array([b"b", b"a", b"b"]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_a_value_of_any_type(name: str) -> None:
    (task,) = clinics.clinic(Cadence.WEEK, datetime(2024, 1, 1), 3, 7).contract().tasks
    requested = task.model_copy(update={"type": TaskType.MULTICLASS})
    target, classes = kind_of(TaskType.MULTICLASS).read(requested, pa.chunked_array([CLASSES[name]]))
    assert target.dtype.kind == "i"
    assert target[0] == target[2] != target[1]
    assert classes is not None
    assert len(classes) == 2
    assert classes == sorted(classes)
