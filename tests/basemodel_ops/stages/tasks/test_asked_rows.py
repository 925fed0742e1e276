"""Which cutoffs a recommendation is learnt from and measured at."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks import recommendation
from basemodel_ops.stages.tasks.recommendation import CUTOFFS, query_rows


@pytest.mark.parametrize(
    ("taking", "most", "cutoffs"),
    [
        (1_000, 8_000, 6),
        (40, 8_000, 4),
        (20, 8_000, CUTOFFS),
        (0, 8_000, CUTOFFS),
        (1_000, 75, 5),
        (1_000, 20, CUTOFFS),
    ],
)
def test_cutoffs_are_asked_until_enough_took_an_item(
    taking: int, most: int, cutoffs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty rows at each of six days of a part, ten of which took an item."""
    monkeypatch.setattr(recommendation, "TAKING", taking)
    monkeypatch.setattr(recommendation, "ENTITIES", most)
    day = np.repeat(np.arange(8), 30)
    rows = TaskRows(pa.chunked_array([np.arange(240)]), day, None, np.where(day < 6, "validation", "test"))

    def items_of(sample: TaskRows) -> list[np.ndarray]:
        return [np.arange(int(entity) % 3 == 0) for entity in sample.entity.to_pylist()]

    requested = query_rows(rows, "validation", items_of, np.random.default_rng(0))
    assert [int(sample.cutoff[0]) for sample, _ in requested] == list(range(6 - cutoffs, 6))
    assert [len(truth) for _, truth in requested] == [min(30, most)] * cutoffs
