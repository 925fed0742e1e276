"""Tasks with many answers: which of many labels; the product beside boosting of hand-made pairs."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import rankdata

from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import known_before_test, load_task_rows
from basemodel_ops.stages.tasks.feature_sets import label_item_ids, pair_feature_sets
from basemodel_ops.stages.tasks.positive_items import read_positive_items, truth_matrix
from basemodel_ops.tasks.metrics import multilabel_metrics
from basemodel_ops.tasks.multilabel import choose_pairs, fit_pairs, predictions_of
from benchmarks.quality.events import Events
from benchmarks.quality.intervals import difference, interval, resamples
from benchmarks.quality.pairs import PairFeatures, fit_long, predict_long

TRAIN_ROWS = 12_000
ONE_DRAW = 0.1
"""Share of labels from which on one draw is enough: pairs are many, and draws differ little."""

SHARED = 24
"""Hand-made features of an entity that go to each of its pairs: those of short windows."""


def categories(
    ws: Workspace, name: str, events: Events, hand: Any, shares: tuple[float, ...], samples: int, seed: int,
    quick: bool,
) -> tuple[dict[str, Any], dict[str, float]]:  # fmt: skip
    """The report of a task that asks which of many labels, and the seconds both sides took to fit all labels.

    `hand` makes features of (owner, cutoff) rows; few labels are drawn `samples` times.
    """
    task, snapshot, examples = ws.contract.task(name), ws.snapshot(), ExamplesArtifact.current(ws.store)
    with ws.warehouse() as warehouse:
        rows = load_task_rows(warehouse, task, snapshot.times, snapshot.plans[name])
        result = read_positive_items(warehouse, task)
    generator = np.random.default_rng(seed)
    keep = np.isin(rows.part, ["validation", "test", "embargo"])
    fitted = np.flatnonzero(rows.part == "train")
    keep[generator.choice(fitted, min(TRAIN_ROWS, len(fitted)), replace=False)] = True
    rows = rows.take(np.flatnonzero(keep & (examples.locate(rows.entity, rows.cutoff) >= 0)))
    truth = truth_matrix(result, rows)
    started = time.perf_counter()
    item_ids = label_item_ids(ws.store, task, result.labels)
    feature_sets = pair_feature_sets(
        examples, Checkpoint(ws.store), examples.locate(rows.entity, rows.cutoff), task, item_ids
    )
    seconds = {"product": time.perf_counter() - started}
    train, validation, test = (np.flatnonzero(rows.part == part) for part in ("train", "validation", "test"))
    known = known_before_test(rows, task.horizon)
    entity_index = events.entities.get_indexer(rows.entity.to_pandas())
    column = task.predicts.column if task.predicts and task.predicts.column else ""
    label = label_of(events, result.labels, of_items="." not in column)
    started = time.perf_counter()
    features = PairFeatures(events, entity_index, rows.cutoff, label, len(result.labels))
    entity = hand(entity_index, rows.cutoff)[:, :SHARED]
    seconds["baseline"] = time.perf_counter() - started
    draws = resamples(entity_index[test], 10 if quick else 40, seed)
    curve: dict[str, dict[str, Any]] = {}
    requested = truth[test]
    names = ("baseline", "zero-shot", "boosted", "blend")
    for share in shares:
        cells: list[dict[str, dict[str, float]]] = []
        for _ in range(samples if share < ONE_DRAW else 1):
            few = generator.choice(train, min(max(int(share * len(fitted)), 50), len(train)), replace=False)
            candidates = fit_pairs(names, feature_sets.rows(few), truth[few], seed)
            name_of, _ = choose_pairs(candidates, feature_sets.rows(validation), truth[validation])
            selected_rows = multilabel_metrics(requested, candidates[name_of].predict(feature_sets.rows(test)))
            booster, rate = fit_long(features, entity, truth, few, seed, quick)
            other = multilabel_metrics(requested, predict_long(booster, rate, features, entity, test))
            cells.append({"shipped": selected_rows, "best_baseline": other})
        curve[f"{share:g}"] = mean_cell(cells)
    started = time.perf_counter()
    candidates = fit_pairs(names, feature_sets.rows(train), truth[train], seed)
    selected, _ = choose_pairs(candidates, feature_sets.rows(validation), truth[validation])
    # As it ships, from the newest labels too; so are the baseline's.
    candidates = fit_pairs(names, feature_sets.rows(known), truth[known], seed)
    answers = predictions_of(candidates, feature_sets.rows(test))
    seconds["product"] += time.perf_counter() - started
    started = time.perf_counter()
    booster, rate = fit_long(features, entity, truth, known, seed, quick)
    theirs = predict_long(booster, rate, features, entity, test)
    seconds["baseline"] += time.perf_counter() - started
    curve["1"] = {"shipped": _rounded(requested, answers[selected]), "best_baseline": _rounded(requested, theirs)}
    curve["0"] = {"shipped": _rounded(requested, answers["zero-shot"])}

    def of(answer: np.ndarray) -> Any:
        return lambda chosen: macro_auroc(truth[test][chosen], answer[chosen])

    report = {
        "metric": "macro_auroc",
        "shipped": round(of(answers[selected])(np.arange(len(test))), 4),
        "shipped_name": selected,
        "interval": interval(of(answers[selected]), draws),
        "candidates": {name: _rounded(truth[test], answer) for name, answer in answers.items()},
        "baselines": {"long-format LightGBM": _rounded(truth[test], theirs)},
        "against_best_baseline": difference(of(answers[selected]), of(theirs), draws),
    }
    return {**report, "labels": dict(sorted(curve.items(), key=lambda pair: float(pair[0])))}, seconds


def mean_cell(cells: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean of every metric of both sides over draws, rounded."""
    return {
        side: {metric: round(float(np.mean([cell[side][metric] for cell in cells])), 4) for metric in current}
        for side, current in cells[0].items()
    }


def label_of(events: Events, labels: pa.Array, of_items: bool) -> np.ndarray:
    """Which label each event is of, -1 where none; labels are items or categories."""
    names, codes = (events.items, events.item) if of_items else (events.categories, events.category)
    row_index = pd.Index(labels.to_pandas()).get_indexer(names)
    return np.append(row_index, -1)[codes]


def macro_auroc(truth: np.ndarray, answer: np.ndarray) -> float:
    """Mean AUROC of labels that occur, by ranks; `truth` (rows, labels) bool."""
    ranks = rankdata(answer, axis=0)
    count = truth.sum(axis=0)
    present = (count > 0) & (count < len(truth))
    sums = np.where(truth, ranks, 0).sum(axis=0)
    area = (sums - count * (count + 1) / 2)[present] / (count * (len(truth) - count))[present]
    return float(area.mean())


def _rounded(truth: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    return {name: round(value, 4) for name, value in multilabel_metrics(truth, answer).items()}
