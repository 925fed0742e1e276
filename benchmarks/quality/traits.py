"""Traits: five folds of entities, the product's candidates beside category log-counts with logistic regression."""

from collections import Counter
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from basemodel_ops.contract.types import TaskType
from basemodel_ops.stages import Workspace
from basemodel_ops.stages.checkpoint import Checkpoint
from basemodel_ops.stages.labels import newest_per_entity, population, single_views
from basemodel_ops.stages.rows import Examples
from basemodel_ops.tasks.metrics import multiclass_metrics
from basemodel_ops.tasks.single import Views, choose, fit_candidates
from benchmarks.quality.events import Events
from benchmarks.quality.features import category_log_counts
from benchmarks.quality.intervals import difference, interval, resamples

PENALTIES = (0.001, 0.003, 0.01)
BASELINE = "category log-counts"
SHIPPED = "shipped"


def traits(ws: Workspace, names: list[str], events: Events, seed: int, quick: bool) -> dict[str, Any]:
    """Reports of traits: out-of-fold answers, so that every entity is answered by models that did not see it."""
    return {name: _trait(ws, name, events, seed, quick) for name in names}


def _trait(ws: Workspace, name: str, events: Events, seed: int, quick: bool) -> dict[str, Any]:
    task = ws.contract.task(name)
    with ws.warehouse() as warehouse:
        rows = newest_per_entity(population(warehouse, task, ws.times(warehouse)))
    examples = Examples(ws.current("training_examples"))
    views = single_views(examples, Checkpoint(ws), examples.locate(rows.entity, rows.cutoff), task)
    texts = rows.target.to_pandas().to_numpy() if rows.target is not None else np.zeros(0)
    target = np.unique(texts, return_inverse=True)[1]
    owner = events.entities.get_indexer(rows.entity.to_pandas())
    counts = category_log_counts(events, owner, int(rows.cutoff.max())).astype(np.float64)
    answers: dict[str, np.ndarray] = {}
    chosen: Counter[str] = Counter()
    for fit, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(counts, target):
        candidates = fit_candidates(TaskType.MULTICLASS, views.rows(fit), target[fit], seed)
        parts = {way: model.predict(views.rows(test)) for way, model in candidates.items()}
        shipped = _shipped(views, target, fit, seed)
        chosen[shipped] += 1
        parts[SHIPPED], parts[BASELINE] = parts[shipped], _counts(counts, target, fit, test, seed)
        for way, answer in parts.items():
            answers.setdefault(way, np.zeros((len(target), target.max() + 1)))[test] = answer

    def of(answer: np.ndarray) -> Any:
        return lambda some: multiclass_metrics(target[some], answer[some])["macro_auroc"]

    figures = {way: round(of(answer)(np.arange(len(target))), 4) for way, answer in answers.items()}
    draws = resamples(owner, 40 if quick else 200, seed)
    return {
        "metric": "macro_auroc",
        "shipped": figures.pop(SHIPPED),
        "shipped_name": ", ".join(f"{way} in {folds} folds" for way, folds in chosen.most_common()),
        "interval": interval(of(answers[SHIPPED]), draws),
        "baselines": {BASELINE: figures.pop(BASELINE)},
        "candidates": figures,
        "against_best_baseline": difference(of(answers[SHIPPED]), of(answers[BASELINE]), draws),
        "entities": len(target),
    }


def _shipped(views: Views, target: np.ndarray, fit: np.ndarray, seed: int) -> str:
    """The candidate that a fifth of the rows to learn from chooses among those fitted on the rest."""
    learnt, validation = next(StratifiedKFold(5, shuffle=True, random_state=seed).split(fit, target[fit]))
    candidates = fit_candidates(TaskType.MULTICLASS, views.rows(fit[learnt]), target[fit[learnt]], seed)
    rest = fit[validation]
    return choose(candidates, views.rows(rest), target[rest], len(learnt), seed)[0]


def _counts(counts: np.ndarray, target: np.ndarray, fit: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Logistic regression on log counts; the penalty by three inner folds."""
    inner = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(fit, target[fit]))

    def learn(rows: np.ndarray, penalty: float) -> tuple[StandardScaler, LogisticRegression]:
        scale = StandardScaler().fit(counts[rows])
        return scale, LogisticRegression(C=penalty, max_iter=300).fit(scale.transform(counts[rows]), target[rows])

    def score(penalty: float) -> float:
        total = 0.0
        for some, rest in inner:
            scale, line = learn(fit[some], penalty)
            answer = line.predict_proba(scale.transform(counts[fit[rest]]))
            total += multiclass_metrics(target[fit[rest]], answer)["macro_auroc"]
        return total

    scale, line = learn(fit, max(PENALTIES, key=score))
    return line.predict_proba(scale.transform(counts[test]))
