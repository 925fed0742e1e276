"""Quality of the shipped models beside reference baselines, on data sets that are dbt projects with the contract."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from basemodel_ops.contract.types import TaskType
from benchmarks.measure import peak_mb
from benchmarks.quality import many, single
from benchmarks.quality.datasets import named
from benchmarks.quality.events import read_events
from benchmarks.quality.features import hand_features
from benchmarks.quality.product import build_tables, open_project, pretrain, settings_of
from benchmarks.quality.products import products
from benchmarks.quality.sequences import next_items
from benchmarks.quality.shares import ranker_curve
from benchmarks.quality.traits import trait

SHARES = (0.003, 0.01, 0.03, 0.1, 0.3)
QUICK_SHARES = (0.01,)


def run(rest: list[str]) -> dict[str, Any]:
    """Everything from raw tables to the report of every task; the test rows are read once per task and seed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks quality")
    parser.add_argument("--dataset", default="complete_journey")
    parser.add_argument("--quick", action="store_true", help="small grids, one share of labels, few resamples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=3, help="draws of few labels; 0: all labels only")
    parser.add_argument("--home", type=Path, help="keep tables and artifacts here; a temporary folder if not given")
    parser.add_argument("--task", action="append", help="only this task; repeatable")
    chosen = parser.parse_args(rest)
    dataset, console = named(chosen.dataset), Console(stderr=True)
    home = chosen.home or Path(tempfile.mkdtemp(prefix="basemodel-quality-"))
    started = time.perf_counter()
    try:
        settings = settings_of(dataset, home, chosen.seed)
        build_tables(dataset, settings)
        ws = open_project(settings, console)
        if dataset.is_sequences:
            result = {task.name: next_items(ws, task.name, chosen.seed, chosen.quick) for task in ws.contract.tasks}
            spent = {"seconds": round(time.perf_counter() - started, 1), "peak_mb": round(peak_mb(), 1)}
            return {"dataset": dataset.name, "seed": chosen.seed, "tasks": result, **spent}
        stages, speed = pretrain(ws)
        with ws.warehouse() as warehouse:
            events, times = read_events(warehouse, dataset), ws.times(warehouse)
        tasks: dict[str, Any] = {}
        seconds: dict[str, dict[str, float]] = {}
        shares = (QUICK_SHARES if chosen.quick else SHARES) if chosen.samples else ()
        for task in ws.contract.tasks:
            if chosen.task and task.name not in chosen.task:
                continue
            console.print(f"measuring {task.name}", style="bold")
            if task.horizon is None:
                result = trait(ws, task.name, events, chosen.seed, chosen.quick)
            elif task.type in (TaskType.BINARY, TaskType.REGRESSION):
                problem = single.read_problem(ws, task.name, events)
                result = single.measure(problem, shares, chosen.samples, chosen.seed, chosen.quick)
            elif task.type is TaskType.MULTILABEL:
                result = many.categories(
                    ws, task.name, events, lambda o, c: hand_features(events, o, c)[0], shares, chosen.samples,
                    chosen.seed, chosen.quick,
                )  # fmt: skip
            else:
                result = products(ws, task.name, events, times.training_end, chosen.seed, chosen.quick)
                if chosen.samples:
                    result[0]["labels"] = ranker_curve(
                        ws, task.name, result[0], chosen.seed, chosen.quick, chosen.samples
                    )
            tasks[task.name], seconds[task.name] = result
    finally:
        if chosen.home is None:
            shutil.rmtree(home, ignore_errors=True)
    return {
        "dataset": dataset.name,
        "seed": chosen.seed,
        "tasks": tasks,
        **train_time(seconds, dataset.timed),
        "throughput": speed,
        "stage_seconds": {name: round(value, 1) for name, value in stages.items()},
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": round(peak_mb(), 1),
    }


def train_time(seconds: dict[str, dict[str, float]], timed: tuple[str, ...]) -> dict[str, Any]:
    """Seconds to fit each task from the foundation model and by hand, and the ratio of the sums over `timed` tasks."""
    chosen = [spent for name, spent in seconds.items() if name in timed or not timed]
    product, baseline = (sum(spent[side] for spent in chosen) for side in ("product", "baseline"))
    rounded = {name: {side: round(value, 2) for side, value in spent.items()} for name, spent in seconds.items()}
    return {"train_time_ratio": round(product / baseline, 3) if baseline else None, "train_seconds": rounded}
