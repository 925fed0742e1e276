"""What CoLES, a published way of learning histories without labels, makes of few and many labels, beside the product.

`python -m benchmarks coles --home DIR --json`; `DIR` keeps tables and artifacts as that of `quality` does.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from basemodel_ops.contract.types import TaskType
from benchmarks.quality.coles import HIDDEN, UNITS, embeddings
from benchmarks.quality.datasets import named
from benchmarks.quality.events import DAY
from benchmarks.quality.product import pretrained
from benchmarks.quality.single import (
    Problem,
    baseline_answers,
    product_answers,
    read_problem,
    tuned_answers,
)

SHARES = (0.01, 1.0)


def run(rest: list[str]) -> dict[str, Any]:
    """Figures of every task with one answer and a horizon, on the same rows, on validation and on test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks coles")
    parser.add_argument("--dataset", default="complete_journey")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--unit", choices=UNITS, default="baskets", help="what one event of a sequence is")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(rest)
    console = Console(stderr=True)
    ws, events, end = pretrained(named(chosen.dataset), chosen.home, chosen.seed, console)
    tasks = {}
    requested = [t for t in ws.contract.tasks if t.horizon and t.type in (TaskType.BINARY, TaskType.REGRESSION)]
    problems = {task.name: read_problem(ws, task.name, events) for task in requested}
    started = time.perf_counter()
    entity_index = np.concatenate([problem.entity for problem in problems.values()])
    cutoff = np.concatenate([problem.cutoff for problem in problems.values()])
    states = embeddings(events, entity_index, cutoff, end, chosen.unit, chosen.epochs, chosen.seed)
    seconds = time.perf_counter() - started
    parts = np.split(states, np.cumsum([len(problem.entity) for problem in problems.values()])[:-1])
    for (name, problem), current in zip(problems.items(), parts, strict=True):
        console.print(f"measuring {name}", style="bold")
        last = events.time[np.maximum(events.before(problem.entity, problem.cutoff) - 1, 0)]
        since = np.log1p(np.maximum(problem.cutoff - last, 0) / DAY)[:, None]
        feature_sets = {
            "CoLES": current,
            "CoLES and recency": np.hstack([current, since]),
            "CoLES and hand": np.hstack([current, problem.hand]),
        }
        tasks[name] = measure(problem, feature_sets, chosen.samples, chosen.seed)
    return {
        "dataset": chosen.dataset, "seed": chosen.seed, "unit": chosen.unit, "epochs": chosen.epochs, "hidden": HIDDEN,
        "seconds": round(seconds, 1), "tasks": tasks,
    }  # fmt: skip


def measure(problem: Problem, feature_sets: dict[str, np.ndarray], samples: int, seed: int) -> dict[str, Any]:
    """Metric of each view's heads, of hand-made features and of what ships, by share of labels and part.

    With all labels the heads also learn from the newest ones before the test, as `quality` does; those that did have no
    figure on validation.
    """
    generator = np.random.default_rng(seed)
    result: dict[str, Any] = {"metric": "auroc" if problem.kind is TaskType.BINARY else "r2_log"}
    requested = np.concatenate([problem.validation, problem.test])
    for share in SHARES:
        newest = problem.known if share == 1 else None
        cells: dict[str, dict[str, list[float]]] = {"validation": {}, "test": {}}
        for _ in range(samples if share < 1 else 1):
            train, validation = problem.draw(share, generator)
            test = baseline_answers(problem, train, validation, True, newest)
            selected, product = product_answers(problem, train, validation, seed, newest)
            test["product"] = product[selected]
            for view, values in feature_sets.items():
                for method, answer in tuned_answers(
                    view, values, problem, (train, validation), requested, True, newest
                ).items():
                    known, test[method] = np.split(answer, [len(problem.validation)])
                    if not method.startswith("refitted"):
                        cells["validation"].setdefault(method, []).append(problem.metric(problem.validation, known))
            for method, answer in test.items():
                cells["test"].setdefault(method, []).append(problem.metric(problem.test, answer))
        result[f"{share:g}"] = {
            part: {method: round(float(np.mean(values)), 4) for method, values in current.items()}
            for part, current in cells.items()
        }
    return result
