"""Recommendation as a task: what was known at a cutoff, which ranker is trusted, and the items it names."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.contract.types import Target, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.foundation.retrieval import Retrieval, Sequences, learn_retrieval
from basemodel_ops.representation import History
from basemodel_ops.stages.encoding import facts_of, vocabulary_of
from basemodel_ops.stages.labels import Rows
from basemodel_ops.stages.offers import read_offers
from basemodel_ops.stages.positives import positives, read_things
from basemodel_ops.stages.workspace import Times, Workspace
from basemodel_ops.tasks.affinity import Learnt, Market, sequences_before
from basemodel_ops.tasks.ranker import Ranker, lessons
from basemodel_ops.tasks.rankings import RERANKED, Metrics, Rankings, blended, policies_of
from basemodel_ops.tasks.recommendation import put_forward, whole
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query, following
from basemodel_ops.warehouse.base import Warehouse

CUTOFFS = 2
"""Newest cutoffs of validation and of test that are asked."""

ENTITIES = 8_000
"""Entities asked at a cutoff, to learn and to measure."""

SCORED = 5_000
"""Entities scored at once."""


class Shelf:
    """The items of a task with all that is known of them, and the histories of all entities up to a moment."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, before: int) -> None:
        """Read the histories strictly before `before`."""
        target = _target(task)
        self._column = target.column
        self._history: History
        self.entities: Vocabulary
        self._history, self._vectors, self.entities = read_things(ws, warehouse, task, before)
        encoder = ws.current(f"encoders/{target.source}")
        self.items: Vocabulary = vocabulary_of(encoder, target.column)
        self._facts = facts_of(encoder, target.column)
        self._offers = None if task.offers is None else read_offers(warehouse, task, self.items)

    def sequences(self, end: int) -> Sequences:
        """The items of all entities strictly before `end`."""
        return sequences_before(self._history, self._column, end)

    def learn(self, end: int, seed: int, log: Callable[[str], None]) -> Retrieval:
        """The query network, from events strictly before `end`."""
        return learn_retrieval(self.sequences(end), self._vectors, seed, log)

    def learnt(self, end: int, arrays: dict[str, np.ndarray]) -> Learnt:
        """What is known of items from events strictly before `end`, with the network that `arrays` hold."""
        relations = Relations.of(self.sequences(end), len(self._vectors))
        return Learnt(self._vectors, self._facts, relations, Retrieval.from_arrays(arrays, self._vectors))

    def market(self, learnt: Learnt, cutoff: int) -> Market:
        """What is known of the items strictly before a cutoff."""
        return Market.before(self._history, self._column, learnt, cutoff)

    def query(self, market: Market, rows: Rows, truth: list[np.ndarray]) -> Query:
        """The question of rows of one cutoff, that of `market`."""
        affinity = market.affinity(self.entities.encode(rows.entity))
        if self._offers is None:
            return Query(put_forward(affinity), affinity, truth)
        offered = self._offers.at(int(rows.cutoff[0]))
        truth = [items[items >= 0] for items in truth]
        return Query(put_forward(affinity, offered), affinity, [items[offered[items]] for items in truth])


def _target(task: Task) -> Target:
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it recommends. Add `predicts`.")
    return task.predicts


def fit_recommendation(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, times: Times, draft: Draft
) -> tuple[str, Metrics, Metrics]:
    """Weights and a ranker from the validation cutoffs; the shipped one, and the metrics of all on both parts."""
    shelf, found, seed = Shelf(ws, warehouse, task, times.data_end), positives(warehouse, task), ws.settings.seed
    end = times.training_end
    network = shelf.learn(end, seed, lambda line: ws.log(f"{task.name}: {line}")).arrays()
    draft.arrays("network", network)
    learnt = shelf.learnt(end, network)
    queries: dict[str, list[Query]] = {"validation": [], "test": []}
    generator = np.random.default_rng(seed)
    for part, asked in queries.items():
        for cutoff in np.unique(rows.cutoff[rows.part == part])[-CUTOFFS:]:
            mine = np.flatnonzero(rows.cutoff == cutoff)
            mine = np.sort(generator.choice(mine, min(len(mine), ENTITIES), replace=False))
            sample = rows.take(mine)
            asked.append(shelf.query(shelf.market(learnt, int(cutoff)), sample, found.items_of(sample, shelf.items)))
            ws.log(f"{task.name}: {len(mine)} entities of {part}")
    _refuse_untaken(task, queries)
    rankings = Rankings.learn(queries["validation"], seed, policies_of(task), task.diversity)
    if rankings.ranker is not None:
        draft.json("measured", rankings.ranker.texts())
    test = blended(queries["test"], rankings.blend)
    measured = {way: rankings.measure(test, way) for way in rankings.metrics}
    shipped, taught = rankings.shipped, rankings.taught
    if shipped == RERANKED:
        final = Ranker.fit([*taught, *(lessons(query, seed) for query in test)], seed)
        if final is not None:
            draft.json("ranker", final.texts())
    chosen = {"weights": rankings.weights.get(shipped), "policy": rankings.policies[shipped]}
    draft.json("recipe", {"shipped": shipped, **chosen, "end": end, "blend": rankings.blend, "tried": rankings.tried})
    return shipped, rankings.metrics, measured


def _refuse_untaken(task: Task, queries: dict[str, list[Query]]) -> None:
    """DataError if nobody took an item, of those that may be named, in a part."""
    for part, asked in queries.items():
        if not any(len(items) for query in asked for items in query.truth):
            what = "positive rows" if task.offers is None else f"positive rows of what {task.offers} offers"
            raise DataError(
                f"Task {task.name} has no {what} for {part}: of {task.entity}s with events before. Return the items "
                "of all complete cutoffs."
            )


def recommend(
    ws: Workspace, warehouse: Warehouse, task: Task, rows: Rows, fitted: Artifact, k: int
) -> tuple[pa.Array, np.ndarray]:
    """The k best items of each row, flat and the best first, and their scores (rows, k); rows are of one cutoff."""
    cutoff, recipe = int(rows.cutoff[0]), fitted.json("recipe")
    shelf = Shelf(ws, warehouse, task, cutoff)
    market = shelf.market(shelf.learnt(min(cutoff, recipe["end"]), fitted.arrays("network")), cutoff)
    ranker = Ranker.restore(fitted.json("ranker")) if recipe["shipped"] == RERANKED else None
    parts = []
    for low in range(0, len(rows.cutoff), SCORED):
        query = shelf.query(market, rows.take(np.arange(low, min(low + SCORED, len(rows.cutoff)))), [])
        query = replace(query, weights=tuple(recipe["blend"]))
        scores = ranker.scores(query) if ranker else query.shortlist.scores(recipe["weights"])
        (scores,) = following(recipe["policy"], [query], [scores], task.diversity, k)
        parts.append(query.shortlist.best(scores, k))
    items, scores = whole(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return shelf.items.values.take(pa.array(items.ravel())), scores
