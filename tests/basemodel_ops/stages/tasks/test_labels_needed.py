"""Each point of a curve is a head fitted on the rows of the entities that were drawn, and on no others."""

import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from basemodel_ops.contract.types import METRICS_OF, Relation, Task, TaskType
from basemodel_ops.stages.snapshot.sampling import hashes_of, shares
from basemodel_ops.stages.snapshot.task_rows import TaskRows
from basemodel_ops.stages.tasks.labels_needed import SALT, measure_curve
from basemodel_ops.stages.tasks.selection import LabelledRows
from basemodel_ops.tasks.heads import LinearHead
from basemodel_ops.tasks.label_efficiency import HEADS, ON_AGGREGATES
from basemodel_ops.tasks.single import fit_heads, predictions_of

from ...tasks.test_single import KINDS, sample

ENTITY = np.arange(5_000) // 2  # two rows each
KNOWN, TEST = np.arange(4_000), np.arange(4_000, 5_000)
NAMES = pa.chunked_array([[f"rider {number}" for number in ENTITY]])


def curve_of(kind: TaskType, answers: dict[str, np.ndarray], seed: int = 0) -> dict[str, Any]:
    """What is written of a task whose rows are those of `sample`."""
    sets, target = sample(kind, 0, 5_000)
    task = Task(
        name="asked", relation=Relation(schema_name="tasks", name="asked"), type=kind, entity="rider", cutoff="cutoff",
        target="label", horizon=7, population=None, predicts=None, reads=(),
    )  # fmt: skip
    rows = TaskRows(NAMES, np.where(np.isin(np.arange(5_000), TEST), 10**15, 0), None, np.full(5_000, "train"))
    labelled = LabelledRows(task, rows, sets, target, ENTITY)
    chosen = SimpleNamespace(name="mixture", test=SimpleNamespace(predictions=answers))
    curve = measure_curve(labelled, KNOWN, TEST, seed, cast(Any, chosen))
    assert curve is not None
    return json.loads(json.dumps(curve.as_dict()))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_more_labels_tell_more(kind: TaskType) -> None:
    curve = curve_of(kind, {})
    assert curve == curve_of(kind, {})
    assert curve["metric"] == METRICS_OF[kind][0]
    assert curve["entities"][-1] == 2_000
    for name in HEADS:
        first, *_, last = curve["values"][name]
        assert last > first - 0.01


def test_a_point_is_the_head_of_these_entities() -> None:
    curve = curve_of(TaskType.BINARY, {})
    sets, target = sample(TaskType.BINARY, 0, 5_000)
    test, truth = sets.rows(TEST), target[TEST]
    draws = shares(hashes_of(NAMES.combine_chunks(), 0), np.full(5_000, SALT))[KNOWN]
    for index, share in enumerate(curve["shares"]):
        rows = np.flatnonzero(draws < share)
        current, read = sets.rows(KNOWN).rows(rows), {"linear": "model_outputs", ON_AGGREGATES: "aggregates"}
        for name, view in read.items():
            head = LinearHead(TaskType.BINARY)
            head.fit(current.columns_of(view), target[rows])
            expected = roc_auc_score(truth, head.predict(test.columns_of(view)))
            assert curve["values"][name][index] == pytest.approx(expected)
        heads = fit_heads(TaskType.BINARY, current, target[rows], 0, ["baseline"], "auroc")
        expected = roc_auc_score(truth, predictions_of(TaskType.BINARY, heads, test)["baseline"])
        assert curve["values"]["baseline"][index] == pytest.approx(expected)


def test_heads_of_all_labels_are_not_fitted_again() -> None:
    answers: dict[str, np.ndarray] = {name: np.full(len(TEST), 0.5) for name in HEADS}
    values = curve_of(TaskType.BINARY, answers)["values"]
    assert all(of_head[-1] == 0.5 for of_head in values.values())
    assert values["linear"][0] != 0.5
    selected = {"mixture": answers["linear"]}  # calibrated, so it is no point of the curve
    assert all(values[-1] != 0.5 for values in curve_of(TaskType.BINARY, selected)["values"].values())
