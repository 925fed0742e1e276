"""Whether newer rows teach more is found by validation rows, and by nothing that comes later."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks.selection import LabelledRows, aged
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.recency import HALF_LIFE
from basemodel_ops.tasks.split import DAY

CUTOFFS, ENTITIES, HORIZON = 40, 1_100, 7
TASK = Task(
    name="churn", relation=Relation(schema_name="tasks", name="churn"), type=TaskType.BINARY, entity="rider",
    cutoff="cutoff", target="label", horizon=HORIZON, population=None, predicts=None, reads=(),
)  # fmt: skip


def drifting(entities: int = ENTITIES) -> LabelledRows:
    """Weekly rows whose second number comes to say what the first said at first; two weeks validate and two test."""
    generator = np.random.default_rng(0)
    week = np.repeat(np.arange(CUTOFFS), entities)
    values = generator.standard_normal((len(week), 2)).astype(np.float32)
    share = week / CUTOFFS
    signal = (1 - share) * values[:, 0] + share * values[:, 1] + 0.5 * generator.standard_normal(len(week))
    part = np.select([week < CUTOFFS - 4, week < CUTOFFS - 2], ["train", "validation"], "test")
    entity = np.tile(np.arange(entities), CUTOFFS)
    rows = TaskRows(pa.chunked_array([entity]), week * HORIZON * DAY, None, part)
    return LabelledRows(TASK, rows, FeatureSets(values, values[:, :1]), (signal > 0).astype(float), entity)


def test_newer_rows_teach_more_where_the_target_moves_with_time() -> None:
    result = aged(drifting(), 0)
    recency, cutoff = result.feature_sets.recency, result.rows.cutoff
    assert recency is not None
    assert result.half_life == HALF_LIFE * HORIZON
    np.testing.assert_allclose(recency, 0.5 ** ((CUTOFFS - 1 - cutoff / (HORIZON * DAY)) / HALF_LIFE))


def test_targets_of_the_test_leave_the_weights_unchanged() -> None:
    labelled = drifting()
    test = np.flatnonzero(labelled.rows.part == "test")
    target = labelled.target.copy()
    target[test] = 1 - target[test]
    moved = aged(replace(labelled, target=target), 0).feature_sets
    np.testing.assert_array_equal(moved.recency, aged(labelled, 0).feature_sets.recency)


def test_traits_few_rows_and_row_cutoffs_teach_alike() -> None:
    labelled = drifting()
    trait = replace(labelled, task=TASK.model_copy(update={"horizon": None}))
    row_cutoffs = replace(labelled, rows=replace(labelled.rows, known=labelled.rows.cutoff + DAY))
    for same in (trait, row_cutoffs, drifting(entities=100)):
        assert aged(same, 0) is same
        assert same.half_life is None
