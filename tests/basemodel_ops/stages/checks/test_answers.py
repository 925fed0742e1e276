"""The check against the baseline: its bound, and what noise allows beyond it."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.contract.types import ColumnType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_model, check_task, lone_columns


@pytest.mark.parametrize(
    ("selected", "noise", "passes"),
    [(0.79, 0.0, True), (0.77, 0.0, False), (0.77, 0.01, False), (0.77, 0.02, True), (0.7, 0.02, False)],
)
def test_only_what_noise_explains_may_be_lost_beyond_the_bound(selected: float, noise: float, passes: bool) -> None:
    report: dict[str, Any] = {
        "metric": "auroc", "shipped": "linear", "shipped_value": selected, "baseline_value": 0.8, "noise": noise
    }  # fmt: skip
    ws = SimpleNamespace(store=SimpleNamespace(current=lambda _: SimpleNamespace(report=report)))
    result = check_task(cast(Workspace, ws), "churn")
    assert result.passed is passes
    assert passes or "`on_worse: baseline`" in result.description
    report["on_worse"] = "baseline"
    assert check_task(cast(Workspace, ws), "churn").passed


@pytest.mark.parametrize("on_worse", ["stop", "baseline"])
@pytest.mark.parametrize(("high", "passes"), [(0.03, True), (-0.01, False)])
def test_what_is_surely_worse_than_random_is_stopped_whatever_ships(high: float, passes: bool, on_worse: str) -> None:
    report: dict[str, Any] = {
        "metric": "qini", "shipped": "linear", "shipped_value": -0.02, "baseline_value": -0.02, "noise": 0.0,
        "random": 0.0, "linear: qini_low": -0.05, "linear: qini_high": high, "on_worse": on_worse,
    }  # fmt: skip
    ws = SimpleNamespace(store=SimpleNamespace(current=lambda _: SimpleNamespace(report=report)))
    result = check_task(cast(Workspace, ws), "vouchers")
    assert result.passed is passes
    assert f"Random is 0, and it lies between -0.05 and {high}" in result.description
    assert passes or "treat more at random" in result.description
    assert "as `on_worse: baseline` asks" not in result.description


@pytest.mark.parametrize(
    ("activity", "items", "passes", "is_severe"),
    [
        (1.0, 1.0, True, False),
        (1.0, 0.0, False, False),
        (1.0, -0.1, False, False),
        (0.0, 1.0, False, False),
        (0.0, 0.0, False, True),
        (1.0, np.nan, False, True),
        (np.inf, 1.0, False, True),
    ],
)
def test_a_model_of_which_one_family_fails_warns(activity: float, items: float, passes: bool, is_severe: bool) -> None:
    report = {"loss_activity": 1 - activity, "unigram_activity": 1, "loss_items": 1 - items, "unigram_items": 1}
    store = SimpleNamespace(current=lambda _: SimpleNamespace(report=report))
    ws = SimpleNamespace(contract=SimpleNamespace(events=[]), store=store)
    result = check_model(cast(Workspace, ws))
    assert result.passed is passes
    assert result.passed or result.is_severe is is_severe


def test_columns_whose_values_hardly_come_again_are_named() -> None:
    counts = {"station": np.array([9, 9, 1]), "lone": np.array([2, 1, 1, 1])}
    tables = {name: pa.table({"value": list(map(str, range(len(n)))), "count": n}) for name, n in counts.items()}
    columns = [SimpleNamespace(name=name, type=ColumnType.CATEGORY) for name in counts]
    contract: Any = SimpleNamespace(events=[SimpleNamespace(name="trips", columns=columns)])
    store: Any = SimpleNamespace(current=lambda _: SimpleNamespace(table=tables.get))
    assert lone_columns(contract, store) == ["trips.lone"]
