"""The part of the page on what ships beside plain references, of the JSON of `python -m benchmarks references`."""

from collections.abc import Sequence
from typing import Any

from basemodel_ops.stages.tasks.selection import MIXTURE
from basemodel_ops.tasks.feature_sets import LEVELLED
from benchmarks.quality.formatting import cell

NORMAL = 1.96
"""Errors to both sides of a difference within which it lies in 19 of 20 draws."""

HEADS = {*LEVELLED, MIXTURE}
"""What the product weighs, and its answer; all others are references."""

COLUMNS = (
    "task", "rows: learnt from, tested", "metric", "ships", "best reference", "difference (95 %), seed by seed",
    "Brier skill",
)  # fmt: skip


def plain_part(name: str, seeds: Sequence[dict[str, Any]]) -> list[str]:
    """The parts of one data set: a row per task, of all seeds, and the references of the first."""
    numbers = ", ".join(str(run["seed"]) for run in seeds)
    rows = [_row(task, [run["tasks"][task] for run in seeds]) for task in seeds[0]["tasks"]]
    every = ["| task | references |", "|---|---|"]
    for task, result in seeds[0]["tasks"].items():
        described = [
            f"{name} {cell(entry[result['metric']])}" for name, entry in result["metrics"].items() if name not in HEADS
        ]
        every.append(f"| `{task}` | {'; '.join(described)} |")
    title = f"## {name.replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} {numbers}"
    return [title, "\n".join([f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows]), "\n".join(every)]


def selected_metrics(result: dict[str, Any]) -> dict[str, float]:
    """Metrics of what ships: the mixture, or the one head that has all of it."""
    return result["metrics"][MIXTURE if len(result["shares"]) > 1 else next(iter(result["shares"]))]


def verdict(result: dict[str, Any]) -> str:
    """Whether what ships is significantly `above` or `below` the best reference, or `level` with it."""
    if abs(result["difference"]) <= NORMAL * result["error"]:
        return "level"
    return "above" if result["difference"] > 0 else "below"


def _row(task: str, seeds: Sequence[dict[str, Any]]) -> str:
    first, metric = seeds[0], seeds[0]["metric"]
    ours = [selected_metrics(result)[metric] for result in seeds]
    best = [result["metrics"][result["best_reference"]][metric] for result in seeds]
    names = " or ".join(dict.fromkeys(result["best_reference"] for result in seeds))
    brier, constant = (entry.get("brier") for entry in (selected_metrics(first), first["metrics"]["constant"]))
    cells = [
        f"`{task}`", f"{first['rows']['known']:,}, {first['rows']['test']:,}", metric, _mean(ours),
        f"{_mean(best)} ({names})", ", ".join(map(_gap, seeds)),
        cell(1 - brier / constant) if brier is not None and constant else "",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _gap(result: dict[str, Any]) -> str:
    """A difference with its interval, in bold where 0 is outside."""
    middle, around = result["difference"], NORMAL * result["error"]
    described = f"{middle:+.3f} ({middle - around:+.3f} to {middle + around:+.3f})"
    return described if verdict(result) == "level" else f"**{described}**"


def _mean(values: Sequence[float]) -> str:
    return cell(sum(values) / len(values))
