"""What the benchmark of a GPU measures, in small on the CPU."""

import pytest

from basemodel_ops.foundation import Hardware
from benchmarks.gpu import pretraining


def test_learning_is_timed_pass_by_pass() -> None:
    found = pretraining(64, Hardware(), inputs=1024, hidden=8)
    assert found["seconds"] > 0
    assert found["rows_per_second"] * found["seconds"] == pytest.approx(64 * 0.95)
