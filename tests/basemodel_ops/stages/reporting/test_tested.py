"""The test rows of a task: a metric with its interval, against draws."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from basemodel_ops.contract.types import Relation, Task, TaskType
from basemodel_ops.stages.reporting import tested
from basemodel_ops.stages.reporting.tested import ENOUGH, SAMPLES, positions_by
from basemodel_ops.tasks.draws import SURE


def make_rows(kind: TaskType, seed: int) -> tuple[tested.Tested, dict[str, np.ndarray]]:
    """Rows of entities that have one to five each, not side by side, with weights."""
    generator = np.random.default_rng(seed)
    entity_index = generator.permutation(np.repeat(np.arange(60), generator.integers(1, 6, 60)))
    count = len(entity_index)
    label = (generator.random(count) < 0.4).astype(float)
    columns = {
        "label": label if kind is TaskType.BINARY else np.expm1(2 * label + generator.random(count)),
        "prediction": np.clip(0.4 * label + 0.5 * generator.random(count), 0, 1),
        "baseline": generator.random(count),
        "weight": generator.random(count) + 0.5,
    }
    task = Task(
        name="churn", relation=Relation(schema_name="tasks", name="churn"), type=kind, entity="client_id",
        cutoff="cutoff", target="churned", horizon=28, population=None, predicts=None, reads=(),
    )  # fmt: skip
    table = pa.table({"client_id": entity_index, "cutoff": [datetime(2026, 1, 5)] * count, **columns})
    return tested.Tested(task, table, "mixture", "plain", seed), {**columns, "owner": entity_index}


def log_r2(label: np.ndarray, answer: np.ndarray, sample_weight: np.ndarray) -> float:
    return float(r2_score(np.log1p(label), np.log1p(answer), sample_weight=sample_weight))


@pytest.mark.parametrize(("kind", "metric"), [(TaskType.BINARY, roc_auc_score), (TaskType.REGRESSION, log_r2)])
@pytest.mark.parametrize("every", [1, 2])
def test_intervals_are_the_spread_of_draws_of_entities(kind: TaskType, metric, every: int) -> None:
    rows, columns = make_rows(kind, seed=4)
    sample = np.arange(0, len(rows), every)
    measured = rows.measured(sample)

    def value(subset: np.ndarray, name: str) -> float:
        return metric(columns["label"][subset], columns[name][subset], sample_weight=columns["weight"][subset])

    generator, entity_index = np.random.default_rng(4), columns["owner"][sample]
    entities = [sample[entity_index == entity] for entity in dict.fromkeys(columns["owner"]) if entity in entity_index]
    draws = []
    for _ in range(SAMPLES):
        subset = np.concatenate([entities[n] for n in generator.integers(0, len(entities), len(entities))])
        draws.append([value(subset, "prediction"), value(subset, "baseline")])
    selected, baseline = np.array(draws).T
    for name, drawn, point in (
        ("shipped", selected, value(sample, "prediction")),
        ("baseline", baseline, value(sample, "baseline")),
        ("difference", selected - baseline, value(sample, "prediction") - value(sample, "baseline")),
    ):
        error = SURE * drawn.std()
        assert (measured[name].low, measured[name].high) == pytest.approx((point - error, point + error)), name
        assert measured[name].value == pytest.approx(point)


def test_few_rows_or_a_single_answer_are_not_measured() -> None:
    rows, columns = make_rows(TaskType.BINARY, seed=1)
    assert not rows.measured(np.arange(ENOUGH - 1))
    assert not rows.measured(np.flatnonzero(columns["label"] == 1))
    assert rows.measured(np.arange(ENOUGH))


def test_rows_are_told_apart_by_value_the_most_frequent_first() -> None:
    result = positions_by(["b", None, "a", "b"])
    assert list(result) == ["b", "a"]
    assert result["b"].tolist() == [0, 3]
