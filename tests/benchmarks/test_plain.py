"""The page's tables of what ships beside plain references."""

import pytest

from benchmarks.quality.page import page
from benchmarks.quality.plain import verdict


def outcome_of(ours: float, theirs: float, error: float, **rest: float) -> dict:
    return {
        "rows": {"known": 1200, "test": 300}, "metric": "auroc", "shares": {"linear": 0.5, "boosted": 0.5},
        "best_reference": "lightgbm", "difference": round(ours - theirs, 4), "error": error,
        "metrics": {
            "linear": {"auroc": 0.1}, "mixture": {"auroc": ours, **rest}, "lightgbm": {"auroc": theirs},
            "constant": {"auroc": 0.5, **({"brier": 0.2} if rest else {})},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "error", "word"), [(0.02, 0.01, "above"), (-0.02, 0.01, "below"), (0.019, 0.01, "level")]
)
def test_a_difference_counts_beyond_its_error(difference: float, error: float, word: str) -> None:
    assert verdict(outcome_of(0.7 + difference, 0.7, error)) == word


def test_a_task_is_told_once_with_every_seed() -> None:
    runs = [
        {"dataset": "web_events", "seed": seed, "tasks": {"churn": outcome_of(0.8 + seed / 50, 0.75, 0.03, brier=0.15)}}
        for seed in (0, 1)
    ]
    described = page(runs, "")
    (row,) = [line for line in described.splitlines() if line.startswith("| `churn` | 1,200")]
    # the mean of .80 and .82; an interval of 1.96 errors to both sides; 1 - .15 / .2
    assert row.split(" | ")[3:] == [
        ".8100", ".7500 (lightgbm)", "+0.050 (-0.009 to +0.109), **+0.070 (+0.011 to +0.129)**", ".2500 |",
    ]  # fmt: skip
    assert "| `churn` | lightgbm .7500; constant .5000 |" in described
