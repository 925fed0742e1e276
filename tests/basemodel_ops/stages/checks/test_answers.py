"""The check against the baseline: its bound, and what noise allows beyond it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checks.answers import check_task


@pytest.mark.parametrize(
    ("shipped", "noise", "passes"),
    [(0.79, 0.0, True), (0.77, 0.0, False), (0.77, 0.01, False), (0.77, 0.02, True), (0.7, 0.02, False)],
)
def test_only_what_noise_explains_may_be_lost_beyond_the_bound(shipped: float, noise: float, passes: bool) -> None:
    report: dict[str, Any] = {
        "metric": "auroc", "shipped": "linear", "shipped_value": shipped, "baseline_value": 0.8, "noise": noise
    }  # fmt: skip
    ws = SimpleNamespace(current=lambda _: SimpleNamespace(json=lambda _: report))
    found = check_task(cast(Workspace, ws), "churn")
    assert found.passed is passes
    assert passes or "`on_worse: baseline`" in found.description
    report["on_worse"] = "baseline"
    assert check_task(cast(Workspace, ws), "churn").passed


@pytest.mark.parametrize("on_worse", ["stop", "baseline"])
@pytest.mark.parametrize(("high", "passes"), [(0.03, True), (-0.01, False)])
def test_what_is_surely_worse_than_random_is_stopped_whatever_ships(high: float, passes: bool, on_worse: str) -> None:
    report: dict[str, Any] = {
        "metric": "qini", "shipped": "linear", "shipped_value": -0.02, "baseline_value": -0.02, "noise": 0.0,
        "random": 0.0, "linear: qini_low": -0.05, "linear: qini_high": high, "on_worse": on_worse,
    }  # fmt: skip
    ws = SimpleNamespace(current=lambda _: SimpleNamespace(json=lambda _: report))
    found = check_task(cast(Workspace, ws), "vouchers")
    assert found.passed is passes
    assert f"Random is 0, and it lies between -0.05 and {high}" in found.description
    assert passes or "treat more at random" in found.description
    assert "as `on_worse: baseline` asks" not in found.description
