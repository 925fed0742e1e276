"""Metrics against values worked out by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, r2_score

from basemodel_ops.contract.types import METRICS_OF, TaskType
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import (
    binary_log_loss,
    brier,
    mae,
    multilabel_metrics,
    r2,
    ranking_metrics,
)


def test_binary() -> None:
    result = kind_of(TaskType.BINARY).metrics(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.8]))
    assert result["auroc"] == pytest.approx(3 / 4)  # of four pairs one stands the wrong way
    assert result["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert result["brier"] == pytest.approx((0.01 + 0.36 + 0.25 + 0.04) / 4)


def test_regression() -> None:
    result = kind_of(TaskType.REGRESSION).metrics(np.array([0.0, 3.0]), np.array([0.0, 1.0]))
    assert result["mae"] == pytest.approx(1)
    assert result["r2"] == pytest.approx(1 - 4 / 4.5)
    spread = 2 * (math.log(4) / 2) ** 2
    assert result["r2_log"] == pytest.approx(1 - math.log(2) ** 2 / spread)


def test_logarithms_of_amounts_have_their_signs() -> None:
    measured = kind_of(TaskType.REGRESSION).metrics
    target = np.array([-3.0, -1.0, 0.0, 7.0])
    assert measured(target, target)["r2_log"] == 1
    # By losses alone: in logarithms to the base 2 they are -2, -1 and 0, and the answers -1, -1 and 0.
    assert measured(target[:3], np.array([-1.0, -1.0, 0.0]))["r2_log"] == pytest.approx(1 - 1 / 2)
    assert measured(-target, -target / 2)["r2_log"] == pytest.approx(measured(target, target / 2)["r2_log"])


def test_answers_below_zero_are_none_where_no_amount_is() -> None:
    measured, target = kind_of(TaskType.REGRESSION).metrics, np.array([0.0, 3.0])
    assert measured(target, np.array([-2.0, 1.0]))["r2_log"] == measured(target, np.array([0.0, 1.0]))["r2_log"]


def test_multiclass() -> None:
    probability = np.array([[0.8, 0.2, 0.0], [0.3, 0.7, 0.0], [0.6, 0.4, 0.0]])
    result = kind_of(TaskType.MULTICLASS).metrics(np.array([0, 1, 1]), probability)  # nobody is in the third class
    assert result["accuracy"] == pytest.approx(2 / 3)
    assert result["macro_auroc"] == pytest.approx(1)
    assert result["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(0.4)) / 3)


@pytest.mark.parametrize("kind", METRICS_OF)
def test_a_kind_measures_every_metric_that_a_task_may_ask_for(kind: TaskType) -> None:
    assert set(METRICS_OF[kind]) <= set(kind_of(kind).measures)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("rows", [2, 3, 400])
def test_averages_are_those_of_scikit_learn(rows: int, is_weighted: bool) -> None:
    generator = np.random.default_rng(rows)
    score, amount = generator.random(rows), generator.normal(size=rows)
    label, guess = np.append([0.0, 1.0], generator.random(rows - 2) < 0.3), amount + generator.normal(size=rows)
    weight = generator.random(rows) if is_weighted else None
    assert brier(label, score, weight) == pytest.approx(brier_score_loss(label, score, sample_weight=weight))
    assert binary_log_loss(label, score, weight) == pytest.approx(log_loss(label, score, sample_weight=weight))
    assert mae(amount, guess, weight) == pytest.approx(mean_absolute_error(amount, guess, sample_weight=weight))
    assert r2(amount, guess, weight) == pytest.approx(r2_score(amount, guess, sample_weight=weight))


def test_r2_of_equal_targets_is_zero_unless_all_are_met() -> None:
    assert r2(np.ones(3), np.ones(3)) == 1
    assert r2(np.ones(3), np.arange(3.0)) == 0
    assert math.isnan(r2(np.ones(1), np.ones(1)))


@pytest.mark.parametrize("kind", [TaskType.BINARY, TaskType.REGRESSION])
def test_what_is_not_finite_is_not_measured(kind: TaskType) -> None:
    for measure in kind_of(kind).measures.values():
        with pytest.raises(ValueError, match="not finite"):
            measure(np.array([0.0, 1.0]), np.array([0.5, np.nan]), None)


def test_multilabel_leaves_out_labels_that_never_or_always_occur() -> None:
    target = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]], bool)
    score = np.array([[0.9, 0.1, 0.2, 0.5], [0.2, 0.9, 0.3, 0.4], [0.1, 0.2, 0.9, 0.3]])
    result = multilabel_metrics(target, score)
    assert result["macro_auroc"] == pytest.approx((1 + 0.5) / 2)
    assert result["map"] == pytest.approx((1 + 0.5) / 2)


def discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def test_ranking() -> None:
    ranked = np.array([[7, 1, 2, *range(100, 117)], [3, 4, 5, *range(200, 217)], [1, 2, 3, *range(300, 317)]])
    truth = [np.array([1, 2, -9]), np.array([216]), np.array([], int)]  # -9 is an item that nobody can rank
    result = ranking_metrics(truth, ranked)
    assert result["recall_20"] == pytest.approx((2 / 3 + 1) / 2)
    ideal = discount(1) + discount(2) + discount(3)
    assert result["ndcg_10"] == pytest.approx((discount(2) + discount(3)) / ideal / 2)  # rank 20 gains nothing at 10


def test_ranking_of_more_positives_than_ten_can_reach_one() -> None:
    result = ranking_metrics([np.arange(40)], np.arange(20)[None])
    assert result["ndcg_10"] == pytest.approx(1)
    assert result["recall_20"] == pytest.approx(0.5)


@pytest.mark.parametrize("items", [1, 3, 9, 10, 15])
def test_ranking_of_a_small_catalogue(items: int) -> None:
    result = ranking_metrics([np.array([0])], np.arange(items)[None])
    assert result == {"recall_20": 1, "ndcg_10": 1}
