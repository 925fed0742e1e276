"""Label efficiency: each point is a head fitted on the rows of the entities that were drawn, and on no others."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from basemodel_ops.contract.types import METRICS_OF, TaskType
from basemodel_ops.tasks.heads import LinearHead
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.label_efficiency import HEADS, LEAST, ON_AGGREGATES, LabelEfficiency, label_efficiency
from basemodel_ops.tasks.single import fit_heads, predictions_of

from .test_single import KINDS, sample

ENTITY = np.arange(4_000) // 2  # two rows each


def measured(kind: TaskType, entities: int = 2_000, seed: int = 0) -> LabelEfficiency | None:
    rows = 2 * entities
    known, target = sample(kind, 0, rows)
    test, truth = sample(kind, 1, 1_000)
    metric = METRICS_OF[kind][0]
    draws = np.random.default_rng(5).random(entities)[ENTITY[:rows]]

    def measure(prediction: np.ndarray) -> float:
        return kind_of(kind).measures[metric](truth, prediction, None)

    return label_efficiency(kind, metric, known, target, ENTITY[:rows], draws, test, measure, seed, {})


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_more_labels_tell_more(kind: TaskType) -> None:
    curve = measured(kind)
    assert curve is not None
    assert curve == measured(kind)
    assert set(curve.values) == set(HEADS)
    assert sorted(curve.entities) == list(curve.entities)
    assert curve.entities[-1] == 2_000
    for values in curve.values.values():
        assert len(values) == len(curve.shares)
        first, last = values[0], values[-1]
        assert first is not None
        assert last is not None
        assert last > first - 0.01
    assert LabelEfficiency(**json.loads(json.dumps(curve.as_dict()))) == curve


def test_a_point_is_the_head_of_these_entities() -> None:
    curve = measured(TaskType.BINARY)
    assert curve is not None
    known, target = sample(TaskType.BINARY, 0, 4_000)
    test, truth = sample(TaskType.BINARY, 1, 1_000)
    draws = np.random.default_rng(5).random(2_000)
    for index, share in enumerate(curve.shares):
        rows = np.flatnonzero(np.isin(ENTITY, np.flatnonzero(draws < share)))
        assert len(rows) == 2 * curve.entities[index]
        own, read = known.rows(rows), {"linear": "model_outputs", ON_AGGREGATES: "aggregates"}
        for name, view in read.items():
            head = LinearHead(TaskType.BINARY)
            head.fit(getattr(own, view), target[rows])
            assert curve.values[name][index] == pytest.approx(roc_auc_score(truth, head.predict(getattr(test, view))))
        heads = fit_heads(TaskType.BINARY, own, target[rows], 0, ["baseline"], "auroc")
        answer = predictions_of(TaskType.BINARY, heads, test)["baseline"]
        assert curve.values["baseline"][index] == pytest.approx(roc_auc_score(truth, answer))


def test_what_all_labels_gave_is_not_learnt_again() -> None:
    known, target = sample(TaskType.BINARY, 0, 400)
    draws = np.random.default_rng(5).random(400)
    answers: dict[str, np.ndarray] = {name: np.full(400, 0.5) for name in HEADS}
    curve = label_efficiency(
        TaskType.BINARY, "auroc", known, target, np.arange(400), draws, known, lambda answer: answer.mean(), 0, answers
    )
    assert curve is not None
    for values in curve.values.values():
        assert values[-1] == 0.5
        assert values[0] != 0.5


def test_few_entities_have_no_curve() -> None:
    assert measured(TaskType.BINARY, LEAST) is None
    one = measured(TaskType.BINARY, 500)
    assert one is not None
    assert min(one.entities) >= LEAST
