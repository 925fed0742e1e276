"""What a history is asked of is one column of its row, and is made of that column alone."""

import numpy as np
import pytest

from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features import builder
from basemodel_ops.stages.features.builder import source_plans
from basemodel_ops.stages.scoring.querying import _of_column, represent

from ..trips import NOW as AS_OF


@pytest.mark.parametrize("column", ["station", "station.zone"])
def test_a_column_says_what_it_says_in_the_whole_row(
    ws: Workspace, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "SKETCHED_ABOVE", 10)
    with ws.warehouse() as warehouse:
        complete = represent(builder.Builder.of(ws, warehouse, AS_OF), AS_OF)
    (plan,) = (
        plan for plan in source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())[0] if plan.name == "trips"
    )
    for row in (0, len(complete) - 1):
        rider = complete.entities.values[row].as_py()
        entry = _of_column(ws, plan, column, rider, AS_OF)
        assert entry.entities.values.to_pylist() == [rider]
        blocks = [block for block in entry.layout.blocks if block.column == column]
        expected = {"count", "recency"} | ({"sketch", "total_weight"} if column == "station" else set())
        assert expected <= {block.kind for block in blocks}
        for block in blocks:
            (same,) = (
                other for other in complete.layout.select(block.kind, "trips", column) if other.detail == block.detail
            )
            np.testing.assert_array_equal(
                entry.gather(np.array([0]), np.arange(block.offset, block.end)),
                complete.gather(np.array([row]), np.arange(same.offset, same.end)),
                block.kind,
            )


def test_an_entity_without_events_has_no_row(ws: Workspace) -> None:
    (plan,) = (
        plan for plan in source_plans(ws.contract, ws.settings, ws.store, ws.snapshot())[0] if plan.name == "trips"
    )
    assert len(_of_column(ws, plan, "station", "nobody", AS_OF)) == 0
