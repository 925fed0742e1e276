"""`python -m benchmarks.quality.page FILE... > docs/quality.md`: the page and its pictures out of the JSON of runs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.quality.curves import Curve, draw_curves, mean_curve
from benchmarks.quality.formatting import cell
from benchmarks.quality.plain import plain_part

HEAD = """# Quality

Made by `python -m benchmarks.quality.page` from the JSON of `python -m benchmarks quality`. Choices are made on
validation rows; every table below is of test rows, which a run reads once per task and share of labels. Intervals are
the central 95 % over resampled entities; differences are paired. "Best baseline" is the best **on test** of hand-made
features with tuned LightGBM, with a penalised linear model, and of their mean, which favours the baselines.
"""


def page(runs: list[dict[str, Any]], note: str, pictures: Path | None = None) -> str:
    """The page of some runs, with a note on how the test rows were read; seeds of a data set are told together.

    Curves are drawn into the folder `pictures`, where one is given.
    """
    parts = [HEAD, note]
    for name in dict.fromkeys(run["dataset"] for run in runs):
        seeds = [run for run in runs if run["dataset"] == name]
        tasks = seeds[0]["tasks"].values()
        if all("best_reference" in task for task in tasks):
            parts += plain_part(name, seeds)
        elif all("users" in task for task in tasks):
            parts += _sequences(name, seeds)
        else:
            parts += _dataset(name, seeds, pictures)
    return "\n\n".join(part for part in parts if part) + "\n"


def _dataset(name: str, seeds: list[dict[str, Any]], pictures: Path | None) -> list[str]:
    """The parts of one data set; intervals, differences and candidates are those of its first seed."""
    first = seeds[0]
    numbers = ", ".join(str(run["seed"]) for run in seeds)
    parts = [f"## {name.replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} {numbers}", _summary(first["tasks"])]
    if len(seeds) > 1:
        parts.append(_seeds(seeds))
    curves: dict[str, tuple[str, Curve]] = {}
    for task, result in first["tasks"].items():
        if len(result.get("labels", {})) > 1:
            curves[task] = result["metric"], mean_curve([run["tasks"][task]["labels"] for run in seeds])
            parts.append(
                _curve(task, result, curves[task][1], [run["tasks"][task].get("label_ratio") for run in seeds])
            )
    if curves and pictures is not None:
        draw_curves(curves, pictures / f"quality-{name}.png")
        parts.append(f"![What ships and the best baseline by share of labels](quality-{name}.png)")
    parts.append(_candidates(first["tasks"]))
    for run in seeds:
        stages = ", ".join(f"{stage} {value:g} s" for stage, value in run["stage_seconds"].items())
        ratio = run["train_time_ratio"]
        fitting = f" Fitting from the foundation model took {ratio} of the hand-made baselines' time." if ratio else ""
        parts.append(
            f"Seed {run['seed']}: {run['seconds']:g} s, peak {run['peak_mb']:g} MB. Stages: {stages}.{fitting}"
            f"{_speed(run)}"
        )
    return parts


def _speed(run: dict[str, Any]) -> str:
    """Seconds to fit each task both ways, and the throughput of the stages; nothing where a run did not say."""
    described = [
        f"`{task}` {spent['product']:g} s, by hand {spent['baseline']:g} s"
        for task, spent in run.get("train_seconds", {}).items()
    ]
    speeds = [
        f"{stage} {speed['rows_per_second']:,.0f} rows, {speed['entities_per_second']:,.0f} entities and "
        f"{speed['bytes_per_second'] / 1e6:,.0f} MB a second"
        for stage, speed in run.get("throughput", {}).items()
    ]
    return (f" To fit: {'; '.join(described)}." if described else "") + (
        f" Throughput: {'; '.join(speeds)}." if speeds else ""
    )


def _sequences(name: str, seeds: list[dict[str, Any]]) -> list[str]:
    """The parts of a data set that asks for one next item: HR@10 and NDCG@10, items already had left out or not."""
    numbers = ", ".join(str(run["seed"]) for run in seeds)
    parts = [f"## {name.replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} {numbers}"]
    for task, result in seeds[0]["tasks"].items():
        ships, policy = result["shipped_name"], result["policy"]
        rows = [
            f"`{task}`: {result['users']:,} users, {result['items']:,} items, all ranked. Ships: {ships}; items "
            f"already had: {policy}.", "", "| | masked, HR@10 / NDCG@10 | raw |", "|---|---|---|",
        ]  # fmt: skip
        for side in ("baselines", "candidates"):
            for method, feature_sets in result[side].items():
                title = f"**{method}**" if method == ships else method
                rows.append(f"| {title} | {cell(feature_sets['masked'])} | {cell(feature_sets['raw'])} |")
        parts.append("\n".join(rows))
        for run in seeds:
            measured = run["tasks"][task]
            lines = [
                f"{metric} {cell(measured['shipped'][metric])} ({_between(measured['interval'][metric])}), {_gap(gap)}"
                for metric, gap in measured["against_best_baseline"].items()
            ]
            parts.append(
                f"Seed {run['seed']}, with 95 % and the difference to {measured['best_baseline']}: {'; '.join(lines)}. "
                f"{run['seconds']:g} s, peak {run['peak_mb']:g} MB."
            )
    return parts


def _between(interval: list[float]) -> str:
    return " to ".join(map(cell, interval))


def _gap(gap: dict[str, float]) -> str:
    return f"{gap['mean']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})"


def _seeds(seeds: list[dict[str, Any]]) -> str:
    """What shipped and its distance to the best baseline: the mean over seeds and the range."""
    rows = [
        f"Mean of {len(seeds)} seeds (least to most):", "", "| task | shipped | difference to the best baseline |",
        "|---|---|---|",
    ]  # fmt: skip
    for task, first in seeds[0]["tasks"].items():
        result = [run["tasks"][task] for run in seeds]
        parts = (
            {"": result, ", items never had before": [entry["new"] for entry in result]}
            if "new" in first
            else {"": result}
        )
        for title, current in parts.items():
            gaps = spread([entry["against_best_baseline"]["mean"] for entry in current], "{:+.4f}".format)
            rows.append(f"| `{task}`{title} | {spread([entry['shipped'] for entry in current], cell)} | {gaps} |")
    return "\n".join(rows)


def spread(values: list[float], show: Callable[[float], str]) -> str:
    """The mean of some figures, and the least and the most of them."""
    return f"{show(sum(values) / len(values))} ({show(min(values))} to {show(max(values))})"


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
    method, best = max(
        ((method, _primary(value, kind)) for method, value in task["baselines"].items()), key=lambda pair: pair[1]
    )
    gap = paired["against_best_baseline"]
    return (
        f"| {title} | {task['metric']} | {cell(paired['shipped'])} ({task['shipped_name']}) | "
        f"{_between(paired['interval'])} | {cell(best)} ({method}) | "
        f"{_gap(gap)} |"
    )


def _curve(name: str, task: dict[str, Any], curve: Curve, ratios: list[float | None]) -> str:
    rows = [
        f"**`{name}`, {task['metric']} by share of labels**", "",
        "| | " + " | ".join(f"{float(share):.1%}" for share in curve) + " |", "|---" * (len(curve) + 1) + "|",
    ]  # fmt: skip
    for side in ("shipped", "best_baseline"):
        cells = [cell(point[side]) if side in point else "–" for point in curve.values()]
        rows.append(f"| {side.replace('_', ' ')} | " + " | ".join(cells) + " |")
    if "label_ratio" in task:
        described = ", ".join(f"{ratio:g}" if ratio else "more than there are" for ratio in ratios)
        rows += ["", f"Times the labels that the best baseline needs for what ships with 1 %, by seed: {described}."]
    return "\n".join(rows)


def _candidates(tasks: dict[str, Any]) -> str:
    rows = ["| task | candidates | baselines |", "|---|---|---|"]
    for name, task in tasks.items():
        halves = (
            "; ".join(f"{method} {cell(v)}" for method, v in task[side].items()) for side in ("candidates", "baselines")
        )
        rows.append(f"| `{name}` | {' | '.join(halves)} |")
    return "\n".join(rows)


def main() -> None:
    """Print the page of the runs in the files, with a note from standard input; curves are drawn into docs."""
    note = "" if sys.stdin.isatty() else sys.stdin.read().strip()
    runs = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    sys.stdout.write(page(runs, note, Path("docs")))


if __name__ == "__main__":
    main()
