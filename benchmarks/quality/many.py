"""Tasks with many answers: which categories, which products next; the product beside its references."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import rankdata

from basemodel_ops.stages import Workspace, task_model
from basemodel_ops.stages.checkpoint import Checkpoint
from basemodel_ops.stages.labels import pair_views, population
from basemodel_ops.stages.positives import positives, truth_matrix
from basemodel_ops.stages.rows import Examples
from basemodel_ops.tasks.metrics import multilabel_metrics, ranking_metrics
from basemodel_ops.tasks.multilabel import choose_pairs, fit_pairs
from benchmarks.quality.events import Events
from benchmarks.quality.intervals import difference, interval, resamples
from benchmarks.quality.pairs import PairFeatures, fit_long, predict_long
from benchmarks.quality.ranking import WEIGHTS, ItemModels, rank, scores_at

TRAIN_ROWS = 12_000
SHARED = 24
"""Hand-made features of an entity that go to each of its pairs: those of short windows."""


def categories(ws: Workspace, name: str, events: Events, hand: Any, seed: int, quick: bool) -> dict[str, Any]:
    """The report of a task that asks which of many labels; `hand` makes features of (owner, cutoff) rows."""
    task = ws.contract.task(name)
    with ws.warehouse() as warehouse:
        rows = population(warehouse, task, ws.times(warehouse))
        found = positives(warehouse, task)
    generator = np.random.default_rng(seed)
    keep = np.isin(rows.part, ["validation", "test"])
    learnt = np.flatnonzero(rows.part == "train")
    keep[generator.choice(learnt, min(TRAIN_ROWS, len(learnt)), replace=False)] = True
    rows = rows.take(np.flatnonzero(keep))
    examples = Examples(ws.current("training_examples"))
    truth = truth_matrix(found, rows)
    views = pair_views(ws, examples, Checkpoint(ws), examples.locate(rows.entity, rows.cutoff), task, found.labels)
    train, validation, test = (np.flatnonzero(rows.part == part) for part in ("train", "validation", "test"))
    owner = events.entities.get_indexer(rows.entity.to_pandas())
    column = task.predicts.column if task.predicts and task.predicts.column else ""
    label = label_of(events, found.labels, of_items="." not in column)
    features = PairFeatures(events, owner, rows.cutoff, label, len(found.labels))
    entity = hand(owner, rows.cutoff)[:, :SHARED]
    draws = resamples(owner[test], 10 if quick else 40, seed)
    curve: dict[str, dict[str, Any]] = {}
    answers, theirs, shipped = {}, np.zeros(0), ""
    for share in (0.01, 1.0) if quick else (0.01, 0.1, 1.0):
        few = generator.choice(train, max(int(share * len(learnt)), 50), replace=False) if share < 0.2 else train
        candidates = fit_pairs(("baseline", "zero-shot", "boosted", "blend"), views.rows(few), truth[few], seed)
        shipped, _ = choose_pairs(candidates, views.rows(validation), truth[validation])
        answers = {name: model.predict(views.rows(test)) for name, model in candidates.items()}
        booster, rate = fit_long(features, entity, truth, few, seed, quick)
        theirs = predict_long(booster, rate, features, entity, test)
        curve[f"{share:g}"] = {
            "shipped": _rounded(truth[test], answers[shipped]), "best_baseline": _rounded(truth[test], theirs),
        }  # fmt: skip
        curve["0"] = {"shipped": _rounded(truth[test], answers["zero-shot"])}

    def of(answer: np.ndarray) -> Any:
        return lambda chosen: macro_auroc(truth[test][chosen], answer[chosen])

    report = {
        "metric": "macro_auroc",
        "shipped": round(of(answers[shipped])(np.arange(len(test))), 4),
        "shipped_name": shipped,
        "interval": interval(of(answers[shipped]), draws),
        "candidates": {name: _rounded(truth[test], answer) for name, answer in answers.items()},
        "baselines": {"long-format LightGBM": _rounded(truth[test], theirs)},
        "against_best_baseline": difference(of(answers[shipped]), of(theirs), draws),
    }
    return {**report, "labels": dict(sorted(curve.items(), key=lambda pair: float(pair[0])))}


def label_of(events: Events, labels: pa.Array, of_items: bool) -> np.ndarray:
    """Which label each event is of, -1 where none; labels are items or categories."""
    names, codes = (events.items, events.item) if of_items else (events.categories, events.category)
    place = pd.Index(labels.to_pandas()).get_indexer(names)
    return np.append(place, -1)[codes]


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


def products(ws: Workspace, name: str, events: Events, end: int) -> dict[str, Any]:
    """The report of a recommendation: all items, and for the references also items never had before."""
    task = ws.contract.task(name)
    task_model(ws, name)
    fitted = ws.current(f"{name}/model").json("metrics")
    with ws.warehouse() as warehouse:
        rows = population(warehouse, task, ws.times(warehouse))
        found = positives(warehouse, task)
    models = ItemModels.fit(events, end)
    codes = events.items.get_indexer(found.labels.to_pandas())
    truth = pd.Series(codes[found.frame["label"].to_numpy()]).groupby(
        [found.frame["entity"].to_numpy(), found.frame["cutoff"].to_numpy()]
    )
    items_of = {key: group.to_numpy() for key, group in truth}
    parts: dict[str, list] = {"validation": [], "test": []}
    for part, gathered in parts.items():
        for cutoff in np.unique(rows.cutoff[rows.part == part]):
            mine = rows.take(np.flatnonzero(rows.cutoff == cutoff))
            keys = mine.entity.to_pylist()
            scores, items, had = scores_at(events, models, events.entities.get_indexer(keys), int(cutoff))
            wanted = [items_of.get((key, int(cutoff)), np.zeros(0, np.int64)) for key in keys]
            every = np.zeros((len(keys), len(events.items)), bool)
            every[:, items] = had
            gathered.append((scores, items, had, wanted))
    weight = max(WEIGHTS, key=lambda w: _ranked(parts["validation"], ("ease", "personal", w), False)["ndcg_10"])
    ways: dict[str, Any] = {key: (key, key, 1.0) for key in parts["test"][0][0]}
    ways["ease + personal"] = ("ease", "personal", weight)
    baselines = {
        way: {"all": _ranked(parts["test"], how, False), "new": _ranked(parts["test"], how, True)}
        for way, how in ways.items()
    }
    shipped = fitted["test"][fitted["shipped"]]
    return {
        "metric": "ndcg_10",
        "shipped": round(shipped["ndcg_10"], 4),
        "shipped_name": fitted["shipped"],
        "candidates": {
            way: {key: round(value, 4) for key, value in values.items()} for way, values in fitted["test"].items()
        },
        "baselines": baselines,
    }


def _ranked(parts: list, how: tuple[str, str, float], only_new: bool) -> dict[str, float]:
    """Metrics of a weighted pair of recommenders; of new items only, where entities have had none of the truth."""
    one, other, weight = how
    truth, ranked = [], []
    for scores, items, had, wanted in parts:
        total = weight * scores[one] + (1 - weight) * scores[other]
        ranked.append(rank(total, items, ~had if only_new else None))
        place = {item: n for n, item in enumerate(items)}
        for row, positives_of in enumerate(wanted):
            if only_new:
                kept = [item for item in positives_of if item in place and not had[row, place[item]]]
                truth.append(np.array(kept, np.int64))
            else:
                truth.append(positives_of)
    found = ranking_metrics(truth, np.concatenate(ranked))
    return {name: round(value, 4) for name, value in found.items()}
