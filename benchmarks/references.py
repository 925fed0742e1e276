"""What ships for questions with one answer beside plain references, on the same rows: a quick look at a kind of data.

The references are the constant, a table of the last item, LightGBM on the last three items and their ages, counts of
every item and ages, and of traits a linear model on counts. Differences are of the test rows, with an error over
resampled entities.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from basemodel_ops.contract.types import Task, TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import known_before_test, load_task_rows, prepared
from basemodel_ops.stages.tasks.feature_sets import peer_keys, single_feature_sets
from basemodel_ops.stages.tasks.peer_answers import with_peers
from basemodel_ops.stages.tasks.selection import LabelledRows, aged, select
from basemodel_ops.stages.tasks.supplement import examples_of, terms_of
from basemodel_ops.stages.tasks.targets import read_targets
from basemodel_ops.tasks.blending import Trial
from basemodel_ops.tasks.comparison import difference_error
from basemodel_ops.tasks.kinds import kind_of
from basemodel_ops.tasks.metrics import gain, metric_of
from benchmarks.quality.datasets import named
from benchmarks.quality.events import DAY, Events
from benchmarks.quality.planted import FAILED, with_cause
from benchmarks.quality.product import pretrained
from benchmarks.quality.repeat import Buyers, expected_amount, expected_orders

LAST, COUNTED, LINEAR_ITEMS = 3, 60, 2000
MINUTE = DAY // (24 * 60)


def run(rest: list[str]) -> dict[str, Any]:
    """Train the product on a data set and compare every question with one answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks references", description=__doc__)
    parser.add_argument("--dataset", default="incidents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", action="append", default=[], help="Repeatable; all of them if none is named.")
    chosen = parser.parse_args(rest)
    with tempfile.TemporaryDirectory(prefix="basemodel-references-") as folder:
        ws, events, _ = pretrained(named(chosen.dataset), Path(folder), chosen.seed, Console(stderr=True, quiet=True))
        tasks = [task for task in ws.contract.tasks if task.form.metrics and task.name in (chosen.task or [task.name])]
        result = {task.name: _compared(ws, task, events, chosen.seed) for task in tasks}
    return {"dataset": chosen.dataset, "seed": chosen.seed, "tasks": result}


def _compared(ws: Workspace, task: Task, events: Events, seed: int) -> dict[str, Any]:
    snapshot = ws.snapshot()
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, snapshot.times, snapshot.plans[task.name])
        rows = prepared(task, rows, ws.settings.seed)
        examples, row_index = examples_of(ws, warehouse, task, rows, snapshot)
        rows, row_index = rows.take(np.flatnonzero(row_index >= 0)), row_index[row_index >= 0]
        terms = terms_of(ws, warehouse, task, rows, snapshot)
    target, _ = read_targets(task, rows)
    known, test = known_before_test(rows, task.horizon), np.flatnonzero(rows.part == "test")
    feature_sets = single_feature_sets(examples, Checkpoint(ws.store), row_index, task, terms)
    feature_sets, _ = with_peers(task, rows, peer_keys(examples, row_index), target, feature_sets)
    labelled = aged(LabelledRows(task, rows, feature_sets, target, examples.entity[row_index]), seed)
    chosen = select(labelled, known, test, seed, feature_sets.heads)
    ours = chosen.test.predictions
    entity_index = events.entities.get_indexer(rows.entity.to_pandas())
    references = _references(task.type, plain_features(events, entity_index, rows.cutoff), target, known, test)
    if task.horizon is None:
        references["linear counts"] = _linear_counts(task.type, events, entity_index, rows.cutoff, target, known, test)
    if FAILED in events.items:
        described = boosted_answers(task.type, with_cause(events, entity_index, rows.cutoff), target, known, test)
        references["told the cause"] = described
    if events.numbers and task.predicts is not None and task.type is not TaskType.MULTICLASS:
        references |= _textbook(task, events, entity_index, rows.cutoff, known, test)
    measure, primary = kind_of(task.type).metrics, metric_of(task)
    metrics = {name: measure(target[test], answer) for name, answer in {**ours, **references}.items()}
    best = max(references, key=lambda name: gain(primary, metrics[name][primary]))
    tested = Trial({**ours, **references}, target[test], entity_index[test])
    return {
        "rows": {"known": len(known), "test": len(test)}, "metric": primary,
        "shares": dict(chosen.selected.weights),
        "best_reference": best,
        "difference": round(gain(primary, metrics[chosen.name][primary]) - gain(primary, metrics[best][primary]), 4),
        "error": round(difference_error(task.type, primary, [tested], (chosen.name, best), seed), 4),
        "metrics": {name: {key: round(value, 4) for key, value in entry.items()} for name, entry in metrics.items()},
    }  # fmt: skip


def _linear_counts(
    kind: TaskType, events: Events, entity_index: np.ndarray, cutoff: np.ndarray, target: np.ndarray, known: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Logistic regression on the log counts of the most frequent items: hard to beat where traits show in tastes."""
    size = int(events.item.max()) + 1
    top = np.argsort(-np.bincount(events.item, minlength=size), kind="stable")[:LINEAR_ITEMS]
    spans = zip(events.start[entity_index], events.before(entity_index, cutoff), strict=True)
    counts = np.stack([np.bincount(events.item[begin:end], minlength=size)[top] for begin, end in spans])
    values = StandardScaler().fit(np.log1p(counts[known])).transform(np.log1p(counts))
    line = GridSearchCV(LogisticRegression(max_iter=400), {"C": [1e-4, 1e-3, 1e-2]}, cv=3)
    result = line.fit(values[known], target[known]).predict_proba(values[test])
    if kind is TaskType.BINARY:
        return result[:, 1]
    wide = np.zeros((len(test), int(target.max()) + 1))
    wide[:, line.classes_.astype(int)] = result
    return wide


def _textbook(
    task: Task, events: Events, entity_index: np.ndarray, cutoff: np.ndarray, known: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    """BG/NBD, and with money gamma-gamma, both fitted on the newest known moment."""
    buyers = Buyers.of(events, entity_index, cutoff, next(iter(events.numbers)))
    newest, requested = buyers.rows(known[cutoff[known] == cutoff[known].max()]), buyers.rows(test)
    orders = expected_orders(newest, requested, float(task.horizon or 0))
    if task.type is TaskType.BINARY:
        return {"bg/nbd": 1 - np.exp(-orders)}
    return {"bg/nbd and gamma-gamma": orders * expected_amount(newest, requested)}


def plain_features(events: Events, entity_index: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """Of each owner strictly before its cutoff, float32 (rows, features).

    The last items come first, `LAST` of them as categories; then their ages, counts of every item, of events, and ages.
    """
    end, begin = events.before(entity_index, cutoff), events.start[entity_index]
    columns: list[np.ndarray] = []
    ages: list[np.ndarray] = []
    has_items = not events.items.equals(events.entities)  # else an item is who the entity is
    for k in range(1, LAST + 1):
        there = end - k >= begin
        at = np.maximum(end - k, 0)
        columns.append(np.where(there & has_items, events.item[at] + 1, 0))
        ages.append(_age(events.time[at], cutoff, there))
    first = np.where(
        end > begin, np.log1p((cutoff - events.time[np.minimum(begin, len(events.time) - 1)]) / MINUTE), 16
    )
    columns += [*ages, first, np.log1p(end - begin), cutoff // DAY % 7]
    for item in np.argsort(-np.bincount(events.item), kind="stable")[: COUNTED if has_items else 0]:
        total = np.concatenate([[0], np.cumsum(events.item == item)])
        columns.append(total[end] - total[begin])
    for values in events.numbers.values():
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
        columns.append((total[end] - total[begin]) / np.maximum(end - begin, 1))
        columns.append(np.where(end > begin, np.nan_to_num(values)[np.maximum(end - 1, 0)], 0))
    return np.stack(columns, axis=1).astype(np.float32)


def _age(time: np.ndarray, cutoff: np.ndarray, there: np.ndarray) -> np.ndarray:
    """log(1 + minutes) since moments, and of ten years where there is none."""
    return np.log1p(np.where(there, cutoff - time, 3650 * DAY) / MINUTE)


def _references(
    kind: TaskType, features: np.ndarray, target: np.ndarray, known: np.ndarray, test: np.ndarray
) -> dict[str, np.ndarray]:
    classes, fitted, back = _training_target(kind, target)
    boosted = boosted_answers(kind, features, target, known, test, list(range(LAST)))
    shown = np.eye(classes)[fitted.astype(int)] if classes else fitted[:, None]
    constant = np.broadcast_to(shown[known].mean(axis=0), (len(test), shown.shape[1]))
    last = features[:, 0].astype(int)
    table = np.zeros((last.max() + 1, shown.shape[1])) + 5 * shown[known].mean(axis=0)
    np.add.at(table, last[known], shown[known])
    table /= (np.bincount(last[known], minlength=len(table)) + 5)[:, None]
    tables = {"constant": constant, "last item": table[last[test]]}
    plain = {name: values if classes else values[:, 0] for name, values in tables.items()}
    return {**{name: back(values) for name, values in plain.items()}, "lightgbm": boosted}


def boosted_answers(
    kind: TaskType, features: np.ndarray, target: np.ndarray, known: np.ndarray, test: np.ndarray,
    categories: Sequence[int] = (),
) -> np.ndarray:  # fmt: skip
    """What LightGBM with usual settings answers to the test rows, learnt from the known ones."""
    classes, fitted, back = _training_target(kind, target)
    objective = {TaskType.BINARY: "binary", TaskType.REGRESSION: "regression", TaskType.MULTICLASS: "multiclass"}[kind]
    parameters = {
        "objective": objective, "learning_rate": 0.05, "num_leaves": 31, "verbosity": -1, "num_threads": 2,
        "deterministic": True, "seed": 0, **({"num_class": classes} if classes else {}),
    }  # fmt: skip
    data = lgb.Dataset(features[known], fitted[known], categorical_feature=list(categories))
    return back(np.asarray(lgb.train(parameters, data, 200).predict(features[test])))


def _training_target(kind: TaskType, target: np.ndarray) -> tuple[int, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """How many classes there are, if any, what is learnt, and the way back: amounts are learnt as logarithms."""
    if kind is TaskType.REGRESSION:
        return 0, np.log1p(np.maximum(target, 0)), np.expm1
    return int(target.max()) + 1 if kind is TaskType.MULTICLASS else 0, target, np.asarray
