"""The part of the page on what ships beside plain references, of the JSON of `python -m benchmarks references`."""

from collections.abc import Sequence
from typing import Any

from basemodel_ops.stages.tasks.selection import MIXTURE
from basemodel_ops.tasks.feature_sets import RECIPES
from benchmarks.quality.formatting import cell

NORMAL = 1.96
"""Errors to both sides of a difference within which it lies in 19 of 20 draws."""

HEADS = {*RECIPES, MIXTURE}
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
    for task, found in seeds[0]["tasks"].items():
        told = [f"{name} {cell(one[found['metric']])}" for name, one in found["metrics"].items() if name not in HEADS]
        every.append(f"| `{task}` | {'; '.join(told)} |")
    title = f"## {name.replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} {numbers}"
    return [title, "\n".join([f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows]), "\n".join(every)]


def shipped(found: dict[str, Any]) -> dict[str, float]:
    """Metrics of what ships: the mixture, or the one head that has all of it."""
    return found["metrics"][MIXTURE if len(found["shares"]) > 1 else next(iter(found["shares"]))]


def verdict(found: dict[str, Any]) -> str:
    """Whether what ships is significantly `above` or `below` the best reference, or `level` with it."""
    if abs(found["difference"]) <= NORMAL * found["error"]:
        return "level"
    return "above" if found["difference"] > 0 else "below"


def _row(task: str, seeds: Sequence[dict[str, Any]]) -> str:
    first, metric = seeds[0], seeds[0]["metric"]
    ours = [shipped(found)[metric] for found in seeds]
    best = [found["metrics"][found["best_reference"]][metric] for found in seeds]
    names = " or ".join(dict.fromkeys(found["best_reference"] for found in seeds))
    brier, constant = (one.get("brier") for one in (shipped(first), first["metrics"]["constant"]))
    cells = [
        f"`{task}`", f"{first['rows']['known']:,}, {first['rows']['test']:,}", metric, _mean(ours),
        f"{_mean(best)} ({names})", ", ".join(map(_gap, seeds)),
        cell(1 - brier / constant) if brier is not None and constant else "",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _gap(found: dict[str, Any]) -> str:
    """A difference with its interval, in bold where 0 is outside."""
    middle, around = found["difference"], NORMAL * found["error"]
    told = f"{middle:+.3f} ({middle - around:+.3f} to {middle + around:+.3f})"
    return told if verdict(found) == "level" else f"**{told}**"


def _mean(values: Sequence[float]) -> str:
    return cell(sum(values) / len(values))
