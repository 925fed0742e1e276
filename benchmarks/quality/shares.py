"""Recommendation by share of labels: weights and ranker learnt from fewer entities of the validation cutoffs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np

from basemodel_ops.stages import Workspace
from basemodel_ops.stages.labels import population
from basemodel_ops.stages.positives import positives
from basemodel_ops.stages.recommending import BLENDED, CUTOFFS, Shelf
from basemodel_ops.tasks.recommendation import BASELINES, SINGLES, Weights, choose_blend
from basemodel_ops.tasks.reranking import (
    POLICIES,
    Query,
    best_policy,
    fit_ranker,
    following,
    lessons,
    measure_scores,
    ndcg,
    pair_scores,
    sampled,
    scores_crosswise,
)
from benchmarks.quality.curves import Curve

SHARES = (0.01, 0.1, 0.3)
QUICK_SHARES = (0.1,)
METRIC = "ndcg_10"


@dataclass(frozen=True)
class Ranking:
    """The way of ranking that few labels chose, with the weights of a blend or a ranker where it has one."""

    weights: Weights
    policy: str
    blend: Weights
    ranker: lgb.Booster | None

    @classmethod
    def learn(cls, queries: Sequence[Query], seed: int, policies: Sequence[str] = POLICIES) -> "Ranking":
        """Choose by the queries, and among the policies, as the product does by those of validation."""
        some = sampled(queries, BLENDED, seed)
        blend, _ = choose_blend(
            lambda weights: ndcg(some, [query.shortlist.scores(weights) for query in some], policies)
        )
        queries = [replace(query, weights=blend) for query in queries]
        ways = {**BASELINES, **SINGLES, "blend": blend}
        answers = {name: [query.shortlist.scores(weights) for query in queries] for name, weights in ways.items()}
        taught = [lessons(query, seed) for query in queries]
        crosswise = scores_crosswise(queries, taught, seed)
        if crosswise is not None:
            answers["reranked"] = crosswise
        found = {name: best_policy(queries, scores, policies) for name, scores in answers.items()}
        best = max(found, key=lambda name: found[name][1][METRIC])
        ranker = fit_ranker(taught, seed) if best == "reranked" else None
        return cls(ways.get(best, blend), found[best][0], blend, ranker)

    def measure(self, queries: Sequence[Query]) -> float:
        """NDCG@10 of the queries."""
        queries = [replace(query, weights=self.blend) for query in queries]
        if self.ranker is None:
            scores = [query.shortlist.scores(self.weights) for query in queries]
        else:
            scores = [pair_scores(self.ranker, query) for query in queries]
        return measure_scores(queries, following(self.policy, queries, scores))[METRIC]


def ranker_curve(ws: Workspace, name: str, report: dict[str, Any], seed: int, quick: bool, samples: int) -> Curve:
    """NDCG@10 of all items by share of the entities of validation; the figures of all labels are the report's.

    Without labels personal frequency filled up with popularity ranks. References learn from no label, but for the share
    of one blend, so their best is the same at every share.
    """
    task, fitted = ws.contract.task(name), ws.current(f"{name}/model")
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        rows, found = population(warehouse, task, times), positives(warehouse, task)
        shelf = Shelf(ws, warehouse, task, times.data_end)
    policies = POLICIES if task.already_had is None else (str(task.already_had),)
    learnt = shelf.learnt(times.training_end, fitted.arrays("network"))
    generator = np.random.default_rng(seed)

    def asked(part: str, newest: int, share: float) -> list[Query]:
        queries = []
        for cutoff in np.unique(rows.cutoff[rows.part == part])[-newest:]:
            mine = np.flatnonzero(rows.cutoff == cutoff)
            size = min(max(int(share * len(mine)), 20), len(mine))
            some = rows.take(np.sort(generator.choice(mine, size, replace=False)))
            queries.append(shelf.query(shelf.market(learnt, int(cutoff)), some, found.items_of(some, shelf.items)))
        return queries

    test = asked("test", len(times.cutoffs), 1.0)
    theirs = max(values["all"][METRIC] for values in report["baselines"].values())
    curve: Curve = {"0": {"shipped": report["candidates"]["baseline"]["all"][METRIC], "best_baseline": theirs}}
    for share in QUICK_SHARES if quick else SHARES:
        cells = [
            Ranking.learn(asked("validation", CUTOFFS, share), seed, policies).measure(test)
            for _ in range(samples if share < max(SHARES) else 1)
        ]
        curve[f"{share:g}"] = {"shipped": round(float(np.mean(cells)), 4), "best_baseline": theirs}
    curve["1"] = {"shipped": report["shipped"], "best_baseline": theirs}
    return curve
