"""`python -m benchmarks.quality.page FILE...`: docs/quality.md out of the JSON of one or more runs."""

import json
import sys
from pathlib import Path
from typing import Any

HEAD = """# Quality

Made by `python -m benchmarks.quality.page` from the JSON of `python -m benchmarks quality`. Choices are made on
validation rows; every table below is of test rows, which a run reads once per task and share of labels. Intervals are
the central 95 % over resampled entities; differences are paired. "Best baseline" is the best **on test** of hand-made
features with tuned LightGBM, with a penalised linear model, and of their mean, which favours the baselines.
"""


def page(runs: list[dict[str, Any]], note: str) -> str:
    """The page of some runs, with a note on how the test rows were read."""
    parts = [HEAD, note]
    for run in runs:
        parts.append(f"## {run['dataset'].replace('_', ' ')}, seed {run['seed']}")
        parts.append(_summary(run["tasks"]))
        parts += [_curve(name, task) for name, task in run["tasks"].items() if len(task.get("labels", {})) > 1]
        parts.append(_candidates(run["tasks"]))
        stages = ", ".join(f"{name} {value:g} s" for name, value in run["stage_seconds"].items())
        parts.append(
            f"Whole run {run['seconds']:g} s, peak {run['peak_mb']:g} MB. Stages: {stages}. Fitting the single-answer "
            f"tasks from the foundation model takes {run['train_time_ratio']} of the time that hand-made features and "
            "their models take."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return " / ".join(_cell(v) for v in value.values())
    return f"{value:.4f}".replace("0.", ".", 1) if isinstance(value, float) else str(value)


def _primary(value: Any, kind: str) -> float:
    """The figure of a baseline that the task is judged by."""
    if not isinstance(value, dict):
        return value
    return value[kind]["ndcg_10"] if kind in value else next(iter(value.values()))


def _summary(tasks: dict[str, Any]) -> str:
    rows = ["| task | metric | shipped | 95 % | best baseline | difference (95 %) |", "|---|---|---|---|---|---|"]
    for name, task in tasks.items():
        rows.append(_row(f"`{name}`", task, task, "all"))
        if "new" in task:
            rows.append(_row(f"`{name}`, items never had before", task, task["new"], "new"))
    return "\n".join(rows)


def _row(title: str, task: dict[str, Any], paired: dict[str, Any], kind: str) -> str:
    way, best = max(
        ((way, _primary(value, kind)) for way, value in task["baselines"].items()), key=lambda pair: pair[1]
    )
    gap = paired["against_best_baseline"]
    return (
        f"| {title} | {task['metric']} | {_cell(paired['shipped'])} ({task['shipped_name']}) | "
        f"{' to '.join(_cell(value) for value in paired['interval'])} | {_cell(best)} ({way}) | "
        f"{gap['mean']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f}) |"
    )


def _curve(name: str, task: dict[str, Any]) -> str:
    labels = task["labels"]
    rows = [
        f"**`{name}`, {task['metric']} by share of labels**", "",
        "| | " + " | ".join(f"{float(share):.1%}" for share in labels) + " |", "|---" * (len(labels) + 1) + "|",
    ]  # fmt: skip
    for side in ("shipped", "best_baseline"):
        cells = [_cell(cell[side]) if side in cell else "–" for cell in labels.values()]
        rows.append(f"| {side.replace('_', ' ')} | " + " | ".join(cells) + " |")
    if task.get("label_ratio"):
        rows += ["", f"The best baseline needs {task['label_ratio']:g} times the labels for what ships with 1 %."]
    elif "label_ratio" in task:
        rows += ["", "The best baseline does not reach with all labels what ships with 1 %."]
    return "\n".join(rows)


def _candidates(tasks: dict[str, Any]) -> str:
    rows = ["| task | candidates | baselines |", "|---|---|---|"]
    for name, task in tasks.items():
        sides = (
            "; ".join(f"{way} {_cell(v)}" for way, v in task[side].items()) for side in ("candidates", "baselines")
        )
        rows.append(f"| `{name}` | {' | '.join(sides)} |")
    return "\n".join(rows)


def main() -> None:
    """Print the page of the runs in the files, with a note from standard input if there is one."""
    note = "" if sys.stdin.isatty() else sys.stdin.read().strip()
    sys.stdout.write(page([json.loads(Path(name).read_text()) for name in sys.argv[1:]], note))


if __name__ == "__main__":
    main()
