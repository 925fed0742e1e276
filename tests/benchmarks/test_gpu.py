"""What the benchmark of a GPU measures, in small on the CPU."""

import pytest

from basemodel_ops.foundation import Hardware
from benchmarks.gpu import pretraining


def test_learning_is_timed_pass_by_pass() -> None:
    result = pretraining(64, Hardware(), inputs=1024, hidden=8)
    assert result["seconds"] > 0
    assert result["rows_per_second"] * result["seconds"] == pytest.approx(64 * 0.95)
