"""Traits: five folds of entities, the product's candidates beside category log-counts with logistic regression."""

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
from basemodel_ops.tasks.single import fit_candidates
from benchmarks.quality.events import Events
from benchmarks.quality.features import category_log_counts

PENALTIES = (0.001, 0.003, 0.01)


def traits(ws: Workspace, names: list[str], events: Events, seed: int) -> dict[str, Any]:
    """Macro AUROC of out-of-fold answers per trait; every entity is answered by models that did not see it."""
    found = {}
    for name in names:
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
        for fit, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(counts, target):
            candidates = fit_candidates(TaskType.MULTICLASS, views.rows(fit), target[fit], seed)
            parts = {name: model.predict(views.rows(test)) for name, model in candidates.items()}
            parts["category log-counts"] = _counts(counts, target, fit, test, seed)
            for way, answer in parts.items():
                answers.setdefault(way, np.zeros((len(target), target.max() + 1)))[test] = answer
        figures = {way: round(multiclass_metrics(target, answer)["macro_auroc"], 4) for way, answer in answers.items()}
        baseline = figures.pop("category log-counts")
        found[name] = {
            "metric": "macro_auroc", "candidates": figures, "baselines": {"category log-counts": baseline},
            "entities": len(target),
        }  # fmt: skip
    return found


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
