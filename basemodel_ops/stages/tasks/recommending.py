"""Recommendation as a task: what was known at a cutoff, which ranker is trusted, and the items it names."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from basemodel_ops.artifacts import Artifact, Draft
from basemodel_ops.contract.types import Target, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.foundation.retrieval import Retrieval, Sequences, learn_retrieval
from basemodel_ops.report import Report
from basemodel_ops.representation import History
from basemodel_ops.stages.features.encoding import facts_of, vocabulary_of
from basemodel_ops.stages.features.reading import EVERYONE, Chosen, sample_of
from basemodel_ops.stages.snapshot.parts import parts_used
from basemodel_ops.stages.snapshot.task_rows import Fit, Rows, fitted_numbers, population
from basemodel_ops.stages.snapshot.times import Times, to_datetime
from basemodel_ops.stages.tasks.offers import read_offers
from basemodel_ops.stages.tasks.positives import Positives, positives, read_things
from basemodel_ops.stages.tasks.predictions import keep_predictions, ranked_predictions
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.affinity import POPULAR_DAYS, Affinity, Common, Learnt, Market, sequences_before
from basemodel_ops.tasks.cold_start import measured_apart
from basemodel_ops.tasks.ranker import Ranker, lessons
from basemodel_ops.tasks.rankings import RERANKED, Metrics, Rankings, blended, policies_of
from basemodel_ops.tasks.recommendation import Weights, put_forward
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query, following
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.counting import popularity_query
from basemodel_ops.warehouse.queries import ever_asked_query

CUTOFFS = 2
"""Newest cutoffs of validation and of test that are asked."""

ENTITIES = 8_000
"""Entities asked at a cutoff, to learn and to measure."""

EVENTS = 6_000_000
"""Events, of whole histories, that say what follows what, at most; how popular an item is is counted of all."""


class Shelf:
    """The items of a task with all that is known of them, and histories of entities up to a moment."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, before: int, chosen: Chosen = EVERYONE) -> None:
        """Read the histories of the chosen entities strictly before `before`."""
        target = target_of(task)
        self._column, self._share = target.column, chosen.share
        self._history: History
        self.entities: Vocabulary
        self._history, self._vectors, self.entities = read_things(ws, warehouse, task, before, chosen)
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
        return Market.before(self._history, self._column, learnt, cutoff, share=self._share)

    def query(self, market: Market, rows: Rows, truth: list[np.ndarray]) -> Query:
        """The question of rows of one cutoff, that of `market`."""
        affinity = market.affinity(self.entities.encode(rows.entity))
        return query_of(affinity, self._offers and self._offers.at(int(rows.cutoff[0])), truth)


def query_of(affinity: Affinity, offered: np.ndarray | None, truth: list[np.ndarray]) -> Query:
    """The question of entities, of the items offered to them, bool (items,), or of any."""
    if offered is None:
        return Query(put_forward(affinity), affinity, truth)
    truth = [items[items >= 0] for items in truth]
    return Query(put_forward(affinity, offered), affinity, [items[offered[items]] for items in truth])


def target_of(task: Task) -> Target:
    """The event column that a task recommends; DataError where it names none."""
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it recommends. Add `predicts`.")
    return task.predicts


def recommendation_model(ws: Workspace, task: str) -> Report:
    """Learn what ranks the items; the artifact holds all that scoring needs, and the metrics of all candidates."""
    declared, snapshot = ws.contract.task(task), ws.snapshot()
    events = snapshot.events[target_of(declared).source]

    def fill(ws: Workspace, draft: Draft) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        plan, chosen = snapshot.plans[task], sample_of(min(ws.settings.embedding_events, EVENTS), events)
        chosen = replace(chosen, cold=(ever_asked_query(declared),))
        with ws.warehouse() as warehouse:
            rows = population(warehouse, declared, snapshot.times, plan)
            shelf = Shelf(ws, warehouse, declared, snapshot.times.data_end, chosen)
            if chosen.share < 1:
                rows = rows.take(np.flatnonzero(shelf.entities.encode(rows.entity) >= 0))
            found = positives(warehouse, declared, plan.read)
        shipped, validation, test = fit_recommendation(ws, declared, rows, shelf, found, snapshot.times, draft)
        return fitted_numbers(draft, plan, Fit(shipped, validation, test)), {}

    return ws.made(f"{task}/model", fill)


def fit_recommendation(
    ws: Workspace, task: Task, rows: Rows, shelf: Shelf, found: Positives, times: Times, draft: Draft
) -> tuple[str, Metrics, Metrics]:
    """Weights and a ranker from the validation cutoffs; the shipped one, and the metrics of all on both parts."""
    seed = ws.settings.seed
    end = times.training_end
    network = shelf.learn(end, seed, lambda line: ws.log(f"{task.name}: {line}")).arrays()
    draft.arrays("network", network)
    learnt = shelf.learnt(end, network)
    draft.arrays("relations", learnt.relations.arrays())
    queries: dict[str, list[Query]] = {"validation": [], "test": []}
    parts: list[str] = []
    moments: list[int] = []
    tested: list[Rows] = []
    generator = np.random.default_rng(seed)
    for part, asked in queries.items():
        for cutoff in np.unique(rows.cutoff[rows.part == part])[-CUTOFFS:]:
            mine = np.flatnonzero(rows.cutoff == cutoff)
            mine = np.sort(generator.choice(mine, min(len(mine), ENTITIES), replace=False))
            sample = rows.take(mine)
            tested += [sample] if part == "test" else []
            parts += [part] * len(mine)
            moments += [int(cutoff)] * len(mine)
            asked.append(shelf.query(shelf.market(learnt, int(cutoff)), sample, found.items_of(sample, shelf.items)))
            ws.log(f"{task.name}: {len(mine)} entities of {part}")
    _refuse_untaken(task, queries)
    draft.json("parts", parts_used(task, np.array(moments, np.int64), np.array(parts)))
    newest = (queries["test"] or queries["validation"])[-1].affinity.market
    draft.arrays("repeats", {"repeats": newest.common.repeats})
    rankings = Rankings.learn(queries["validation"], seed, policies_of(task), task.diversity)
    if rankings.ranker is not None:
        draft.json("measured", rankings.ranker.texts())
    test = blended(queries["test"], rankings.blend)
    measured = {way: rankings.measure(test, way) for way in rankings.metrics}
    keep_predictions(ws, task.name, ranked_predictions(task, tested, test, rankings, shelf.items.values), draft)
    shipped, taught = rankings.shipped, rankings.taught
    if shipped == RERANKED:
        final = Ranker.fit([*taught, *(lessons(query, seed) for query in test)], seed)
        if final is not None:
            draft.json("ranker", final.texts())
    chosen = {"weights": rankings.weights.get(shipped), "policy": rankings.policies[shipped]}
    draft.json("recipe", {"shipped": shipped, **chosen, "end": end, "blend": rankings.blend, "tried": rankings.tried})
    draft.json("apart", _apart(rankings, test))
    return shipped, rankings.metrics, measured


def _apart(rankings: Rankings, queries: list[Query]) -> dict[str, dict[str, float]]:
    """What ships, measured of entities that had an item before and of those that had none, where both took some."""
    is_warm = np.concatenate([query.affinity.activity.any(axis=1) for query in queries])
    took = np.array([len(items) > 0 for query in queries for items in query.truth])
    if not ((is_warm & took).any() and (~is_warm & took).any()):
        return {}

    def measure(rows: np.ndarray) -> dict[str, float]:
        kept = np.isin(np.arange(len(is_warm)), rows)
        ends = np.cumsum([len(query.truth) for query in queries])
        parts = zip(queries, np.split(kept, ends[:-1]), strict=True)
        some = [
            replace(one, truth=[t if k else t[:0] for t, k in zip(one.truth, own, strict=True)]) for one, own in parts
        ]
        return rankings.measure(some, rankings.shipped)

    return measured_apart(is_warm, measure)


def _refuse_untaken(task: Task, queries: dict[str, list[Query]]) -> None:
    """DataError if nobody took an item, of those that may be named, in a part."""
    for part, asked in queries.items():
        if not any(len(items) for query in asked for items in query.truth):
            what = "positive rows" if task.offers is None else f"positive rows of what {task.offers} offers"
            raise DataError(
                f"Task {task.name} has no {what} for {part}: of {task.entity}s with events before. Return the items "
                "of all complete cutoffs."
            )


class Recommender:
    """What a fitted task names to entities at a cutoff, from their histories alone; it holds no events of others."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, fitted: Artifact, cutoff: int) -> None:
        """Read what was learnt, and how popular the items are strictly before the cutoff (microseconds)."""
        target = target_of(task)
        self._task, self._cutoff, self._column, self.source = task, cutoff, target.column, target.source
        encoder = ws.current(f"encoders/{target.source}")
        self.items = vocabulary_of(encoder, target.column)
        vectors = ws.current(f"embeddings/{target.source}__{target.column}").arrays("embedding")["vectors"]
        network = Retrieval.from_arrays(fitted.arrays("network"), vectors)
        relations = Relations.from_arrays(fitted.arrays("relations"))
        self._learnt = Learnt(vectors, facts_of(encoder, target.column), relations, network)
        self._recipe = fitted.json("recipe")
        self.ranker = Ranker.restore(fitted.json("ranker")) if self._recipe["shipped"] == RERANKED else None
        self._offered = None if task.offers is None else read_offers(warehouse, task, self.items).at(cutoff)
        counts, total = self._counted(ws, warehouse)
        repeats = fitted.arrays("repeats")["repeats"]
        self._common = Common.of(counts, total, repeats, self._learnt.facts)

    def _counted(self, ws: Workspace, warehouse: Warehouse) -> tuple[np.ndarray, np.ndarray]:
        """Events of each item in the windows of popularity, (windows, items), and of all time, (items,)."""
        moment = to_datetime(self._cutoff)
        since = [moment - timedelta(days=days) for days in POPULAR_DAYS]
        event = ws.contract.event(self.source)
        table = warehouse.read(popularity_query(event, self._column, moment, since))
        code = self.items.encode(table.column(0))
        found = np.zeros((len(since) + 1, len(self.items)))
        for row, column in enumerate(table.columns[1:]):
            found[row, code[code >= 0]] = column.to_numpy()[code >= 0]
        return found[1:], found[0]

    def best(self, history: History, entities: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the k best items for entities of a history, the best first, and their scores, (entities, k)."""
        _, items, worth = self.ranked(history, entities, k)
        return items, worth

    def ranked(self, history: History, entities: np.ndarray, k: int) -> tuple[Query, np.ndarray, np.ndarray]:
        """The same with the question that they answer, whose candidates they are."""
        market = Market.before(history, self._column, self._learnt, self._cutoff, self._common)
        query = query_of(market.affinity(entities), self._offered, [])
        query = replace(query, weights=tuple(self._recipe["blend"]))
        scores = self.ranker.scores(query) if self.ranker else query.shortlist.scores(self._recipe["weights"])
        (scores,) = following(self._recipe["policy"], [query], [scores], self._task.diversity, k)
        return query, *query.shortlist.best(scores, k)

    @property
    def weights(self) -> Weights:
        """Of the kinds of evidence, where no ranker gives the scores."""
        return tuple(self._recipe["weights"] or ())
