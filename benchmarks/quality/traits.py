"""Traits: five folds of entities, the product's candidates beside category log-counts with logistic regression."""

import time
from collections import Counter
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from basemodel_ops.contract.types import TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.features.examples_artifact import ExamplesArtifact
from basemodel_ops.stages.foundation.checkpoint import Checkpoint
from basemodel_ops.stages.snapshot.task_rows import load_task_rows, newest_per_entity
from basemodel_ops.stages.tasks.feature_sets import single_feature_sets
from basemodel_ops.stages.tasks.supplement import terms_of
from basemodel_ops.tasks.blending import HEADS_WITH_FEWEST_LABELS, Trial, blend, blend_weights
from basemodel_ops.tasks.feature_sets import FeatureSets
from basemodel_ops.tasks.metrics import macro_auroc
from basemodel_ops.tasks.single import fit_heads, predictions_of
from benchmarks.quality.events import Events
from benchmarks.quality.features import category_log_counts
from benchmarks.quality.intervals import difference, interval, resamples
from benchmarks.quality.single import label_ratio

PENALTIES = (0.001, 0.003, 0.01)
BASELINE = "category log-counts"
SELECTED = "shipped"
SHARES = (0.01, 0.1, 0.3)
QUICK_SHARES = (0.1,)
LEAST = 20
"""Labelled entities of a fold at least, however small the share."""


def trait(ws: Workspace, name: str, events: Events, seed: int, quick: bool) -> tuple[dict[str, Any], dict[str, float]]:
    """The report of a trait, and the seconds both sides took to fit the folds.

    Answers are out of fold: every entity is answered by models that did not see it.
    """
    task, snapshot, examples = ws.contract.task(name), ws.snapshot(), ExamplesArtifact.current(ws.store)
    with ws.warehouse() as warehouse:
        rows = newest_per_entity(load_task_rows(warehouse, task, snapshot.times, snapshot.plans[name]))
        rows = rows.take(np.flatnonzero(examples.locate(rows.entity, rows.cutoff) >= 0))
        started = time.perf_counter()
        terms = terms_of(ws, warehouse, task, rows, snapshot)
    feature_sets = single_feature_sets(
        examples, Checkpoint(ws.store), examples.locate(rows.entity, rows.cutoff), task, terms
    )
    seconds = {"product": time.perf_counter() - started}
    texts = rows.target.to_pandas().to_numpy() if rows.target is not None else np.zeros(0)
    target = np.unique(texts, return_inverse=True)[1]
    entity_index = events.entities.get_indexer(rows.entity.to_pandas())
    started = time.perf_counter()
    counts = category_log_counts(events, entity_index, int(rows.cutoff.max())).astype(np.float64)
    seconds["baseline"] = time.perf_counter() - started
    answers: dict[str, np.ndarray] = {}
    chosen: Counter[str] = Counter()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(counts, target))
    for fit, test in folds:
        started = time.perf_counter()
        heads = fit_heads(TaskType.MULTICLASS, feature_sets.rows(fit), target[fit], seed)
        parts = predictions_of(TaskType.MULTICLASS, heads, feature_sets.rows(test))
        shares = _shares(feature_sets, target, fit, seed)
        chosen[" + ".join(shares)] += 1
        parts[SELECTED] = blend(TaskType.MULTICLASS, shares, parts)
        fitted = time.perf_counter()
        parts[BASELINE] = _counts(counts, target, fit, test, seed)
        seconds["product"] += fitted - started
        seconds["baseline"] += time.perf_counter() - fitted
        for method, answer in parts.items():
            answers.setdefault(method, np.zeros((len(target), target.max() + 1)))[test] = answer

    def of(answer: np.ndarray) -> Any:
        return lambda subset: macro_auroc(target[subset], answer[subset])

    figures = {method: round(of(answer)(np.arange(len(target))), 4) for method, answer in answers.items()}
    draws = resamples(entity_index, 40 if quick else 200, seed)
    curve: dict[str, dict[str, float]] = {}
    for share in QUICK_SHARES if quick else SHARES:
        few = [(some_of(target, fit, share, seed), test) for fit, test in folds]
        curve[f"{share:g}"] = {
            side: round(of(_few_answers(feature_sets, counts, target, few, side, seed))(np.arange(len(target))), 4)
            for side in ("shipped", "best_baseline")
        }
    curve["1"] = {"shipped": figures[SELECTED], "best_baseline": figures[BASELINE]}
    return {
        "metric": "macro_auroc",
        "shipped": figures.pop(SELECTED),
        "shipped_name": ", ".join(f"{method} in {folds} folds" for method, folds in chosen.most_common()),
        "interval": interval(of(answers[SELECTED]), draws),
        "baselines": {BASELINE: figures.pop(BASELINE)},
        "candidates": figures,
        "against_best_baseline": difference(of(answers[SELECTED]), of(answers[BASELINE]), draws),
        "entities": len(target),
        "labels": curve,
        "label_ratio": label_ratio(curve),
    }, seconds


def some_of(target: np.ndarray, fit: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A share of the rows to learn from, `LEAST` at least, and one row of every class where it has any."""
    order = np.random.default_rng(seed).permutation(fit)
    _, first = np.unique(target[order], return_index=True)
    rest = np.delete(np.arange(len(order)), first)
    size = max(int(share * len(fit)), LEAST)
    return order[np.append(first, rest[: max(size - len(first), 0)])]


def _few_answers(
    feature_sets: FeatureSets,
    counts: np.ndarray,
    target: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    side: str,
    seed: int,
) -> np.ndarray:
    """Out-of-fold answers of a side that learns from few rows, which choose nothing: the safest ships."""
    result = np.zeros((len(target), target.max() + 1))
    for fit, test in folds:
        if side == "shipped":
            safest = next(name for name in HEADS_WITH_FEWEST_LABELS if name in feature_sets.heads)
            heads = fit_heads(TaskType.MULTICLASS, feature_sets.rows(fit), target[fit], seed, [safest])
            result[test] = predictions_of(TaskType.MULTICLASS, heads, feature_sets.rows(test))[safest]
        else:
            scale, line = _line(counts, target, fit, PENALTIES[1])
            result[np.ix_(test, line.classes_)] = line.predict_proba(scale.transform(counts[test]))
    return result


def _shares(feature_sets: FeatureSets, target: np.ndarray, fit: np.ndarray, seed: int) -> dict[str, float]:
    """The shares by which a fifth of the rows to learn from weighs heads fitted on the rest."""
    fitted, validation = next(StratifiedKFold(5, shuffle=True, random_state=seed).split(fit, target[fit]))
    heads = fit_heads(TaskType.MULTICLASS, feature_sets.rows(fit[fitted]), target[fit[fitted]], seed)
    rest = fit[validation]
    trial = Trial(predictions_of(TaskType.MULTICLASS, heads, feature_sets.rows(rest)), target[rest], rest)
    return blend_weights(TaskType.MULTICLASS, "macro_auroc", [trial], len(fitted))


def _counts(counts: np.ndarray, target: np.ndarray, fit: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Logistic regression on log counts; the penalty by three inner folds."""
    inner = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(fit, target[fit]))

    def score(penalty: float) -> float:
        total = 0.0
        for subset, rest in inner:
            scale, line = _line(counts, target, fit[subset], penalty)
            answer = line.predict_proba(scale.transform(counts[fit[rest]]))
            total += macro_auroc(target[fit[rest]], answer)
        return total

    scale, line = _line(counts, target, fit, max(PENALTIES, key=score))
    return line.predict_proba(scale.transform(counts[test]))


def _line(
    counts: np.ndarray, target: np.ndarray, rows: np.ndarray, penalty: float
) -> tuple[StandardScaler, LogisticRegression]:
    scale = StandardScaler().fit(counts[rows])
    return scale, LogisticRegression(C=penalty, max_iter=300).fit(scale.transform(counts[rows]), target[rows])
