"""Recommendation by share of labels: weights and ranker learnt from fewer entities of the validation cutoffs."""

from typing import Any

import numpy as np

from basemodel_ops.stages import Workspace
from basemodel_ops.stages.snapshot.task_rows import load_task_rows
from basemodel_ops.stages.tasks.positive_items import read_positive_items
from basemodel_ops.stages.tasks.recommendation import CUTOFFS
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommendation_context import RecommendationContext
from basemodel_ops.tasks.rankings import Rankings, blended, policies_of
from basemodel_ops.tasks.reranking import Query, measure_scores
from benchmarks.quality.curves import Curve

SHARES = (0.01, 0.1, 0.3)
QUICK_SHARES = (0.1,)
METRIC = "ndcg_10"


def ranker_curve(ws: Workspace, name: str, report: dict[str, Any], seed: int, quick: bool, samples: int) -> Curve:
    """NDCG@10 of all items by share of the entities of validation; the figures of all labels are the report's.

    Without labels personal frequency filled up with popularity ranks. The best reference with all labels stands at
    every share, which favours it: most of them learn from no label.
    """
    task, fitted = ws.contract.task(name), RecommendationArtifact.current(ws.store, name)
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        rows, result = load_task_rows(warehouse, task, times), read_positive_items(warehouse, task)
        context = RecommendationContext(ws, warehouse, task, times.data_end)
    training = context.item_models(times.training_end, fitted.network(context.vectors))
    generator = np.random.default_rng(seed)

    def queries_of(part: str, newest: int, share: float) -> list[Query]:
        queries = []
        for cutoff in np.unique(rows.cutoff[rows.part == part])[-newest:]:
            chosen = np.flatnonzero(rows.cutoff == cutoff)
            size = min(max(int(share * len(chosen)), 20), len(chosen))
            subset = rows.take(np.sort(generator.choice(chosen, size, replace=False)))
            queries.append(
                context.query(
                    context.interactions(training, int(cutoff)), subset, result.items_of(subset, context.items)
                )
            )
        return queries

    test = queries_of("test", len(times.cutoffs), 1.0)
    theirs = max(values["all"][METRIC] for values in report["baselines"].values())
    curve: Curve = {"0": {"shipped": report["candidates"]["baseline"]["all"][METRIC], "best_baseline": theirs}}
    for share in QUICK_SHARES if quick else SHARES:
        cells = []
        for _ in range(samples if share < max(SHARES) else 1):
            few = Rankings.learn(queries_of("validation", CUTOFFS, share), seed, policies_of(task), task.diversity)
            answered = blended(test, few.blend)
            cells.append(measure_scores(answered, few.scores_of(answered, few.selected))[METRIC])
        curve[f"{share:g}"] = {"shipped": round(float(np.mean(cells)), 4), "best_baseline": theirs}
    curve["1"] = {"shipped": report["shipped"], "best_baseline": theirs}
    return curve
