"""Recommendation as a task: what was known at a cutoff, which ranker is trusted, and the items it names."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.contract.types import Target, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.representation import History
from basemodel_ops.stages.encoding import vocabulary_of
from basemodel_ops.stages.labels import Rows
from basemodel_ops.stages.positives import positives, read_things
from basemodel_ops.stages.workspace import Times, Workspace
from basemodel_ops.tasks.affinity import Market
from basemodel_ops.tasks.recommendation import BASELINES, choose_blend, gather_evidence, whole
from basemodel_ops.tasks.reranking import (
    Query,
    fit_ranker,
    measure_scores,
    pair_scores,
    restore_ranker,
    scores_crosswise,
)
from basemodel_ops.warehouse.base import Warehouse

CUTOFFS = 2
"""Newest cutoffs of validation and of test that are asked."""

ENTITIES = 5_000
"""Entities asked at a cutoff, to learn and to measure; and scored at once."""

Metrics = dict[str, dict[str, float]]


class Shelf:
    """The items of a task with all that is known of them, and the histories of all entities up to a moment."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, before: int) -> None:
        """Read the histories strictly before `before`."""
        target = _target(task)
        self._column = target.column
        self._history: History
        self._history, self._vectors, self._entities = read_things(ws, warehouse, task, before)
        encoder = ws.current(f"encoders/{target.source}")
        self.items: Vocabulary = vocabulary_of(encoder, target.column)
        prefix = f"map {target.column}."
        names = [name.removesuffix(".safetensors") for name in encoder.names if name.startswith(prefix)]
        self._facts = {name.removeprefix(prefix): encoder.arrays(name)["codes"] for name in names}

    def market(self, cutoff: int) -> Market:
        """What is known of the items strictly before a cutoff."""
        return Market.before(self._history, self._column, self._vectors, self._facts, cutoff)

    def query(self, market: Market, rows: Rows, truth: list[np.ndarray]) -> Query:
        """The question of rows of one cutoff, that of `market`."""
        entities, cutoff = self._entities.encode(rows.entity), int(rows.cutoff[0])
        evidence = gather_evidence(self._history, self._column, self._vectors, entities, cutoff)
        return Query(evidence.shortlist(self._vectors), market.affinity(entities), truth)


def _target(task: Task) -> Target:
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it recommends. Add `predicts`.")
    return task.predicts


def fit_recommendation(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, times: Times, draft: Draft
) -> tuple[str, Metrics, Metrics]:
    """Weights and a ranker from the validation cutoffs; the shipped one, and the metrics of all on both parts."""
    shelf, found, seed = Shelf(ws, warehouse, task, times.data_end), positives(warehouse, task), ws.settings.seed
    queries: dict[str, list[Query]] = {"validation": [], "test": []}
    generator = np.random.default_rng(seed)
    for part, asked in queries.items():
        for cutoff in np.unique(rows.cutoff[rows.part == part])[-CUTOFFS:]:
            mine = np.flatnonzero(rows.cutoff == cutoff)
            mine = np.sort(generator.choice(mine, min(len(mine), ENTITIES), replace=False))
            sample = rows.take(mine)
            asked.append(shelf.query(shelf.market(int(cutoff)), sample, found.items_of(sample, shelf.items)))
            ws.log(f"{task.name}: {len(mine)} entities of {part}")
    validation, test = queries["validation"], queries["test"]
    weights, tried = choose_blend([q.shortlist for q in validation], [q.truth for q in validation])
    blends = {**BASELINES, "blend": weights}
    metrics: dict[str, Metrics] = {
        part: {name: measure_scores(asked, _blended(asked, chosen)) for name, chosen in blends.items()}
        for part, asked in queries.items()
    }
    crosswise = scores_crosswise(validation, seed)
    ranker = fit_ranker(validation, seed) if crosswise is not None else None
    if crosswise is not None and ranker is not None:
        metrics["validation"]["reranked"] = measure_scores(validation, crosswise)
        metrics["test"]["reranked"] = measure_scores(test, [pair_scores(ranker, query) for query in test])
    shipped = max(metrics["validation"], key=lambda name: metrics["validation"][name]["ndcg_10"])
    if shipped == "reranked" and (final := fit_ranker([*validation, *test], seed)) is not None:
        draft.text("ranker", final.model_to_string())
    draft.json("recipe", {"shipped": shipped, "weights": blends.get(shipped), "tried": tried})
    return shipped, metrics["validation"], metrics["test"]


def _blended(queries: Sequence[Query], weights: tuple[float, float, float]) -> list[np.ndarray]:
    return [query.shortlist.evidence @ np.asarray(weights, np.float32) for query in queries]


def recommend(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, fitted: Artifact, k: int
) -> tuple[pa.Array, np.ndarray]:
    """The k best items of each row, flat and the best first, and their scores (rows, k); rows are of one cutoff."""
    cutoff, recipe = int(rows.cutoff[0]), fitted.json("recipe")
    shelf = Shelf(ws, warehouse, task, cutoff)
    market = shelf.market(cutoff)
    ranker = restore_ranker(fitted.text("ranker")) if recipe["shipped"] == "reranked" else None
    parts = []
    for low in range(0, len(rows.cutoff), ENTITIES):
        mine = rows.take(np.arange(low, min(low + ENTITIES, len(rows.cutoff))))
        query = shelf.query(market, mine, [])
        scores = pair_scores(ranker, query) if ranker else _blended([query], recipe["weights"])[0]
        parts.append(query.shortlist.best(scores, k))
    items, scores = whole(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return shelf.items.values.take(pa.array(items.ravel())), scores
