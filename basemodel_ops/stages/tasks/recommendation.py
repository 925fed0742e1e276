"""The stage that fits a recommendation: what was known at a cutoff, and which ranker is trusted."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Target, Task
from basemodel_ops.encoders import Vocabulary
from basemodel_ops.errors import DataError
from basemodel_ops.foundation.retrieval import Retrieval, Sequences, learn_retrieval
from basemodel_ops.report import Report
from basemodel_ops.representation import History
from basemodel_ops.stages.features.encoder_artifact import EncoderArtifact
from basemodel_ops.stages.features.reading import EVERYONE, Chosen, sample_of
from basemodel_ops.stages.snapshot.parts import parts_used
from basemodel_ops.stages.snapshot.task_rows import Fit, TaskRows, load_task_rows, report_fit
from basemodel_ops.stages.snapshot.times import Times
from basemodel_ops.stages.tasks.eligible_items import read_eligible_items
from basemodel_ops.stages.tasks.model_artifact import Comparison, FittedMetrics
from basemodel_ops.stages.tasks.positive_items import PositiveItems, read_items, read_positive_items
from basemodel_ops.stages.tasks.predictions import keep_predictions, ranked_predictions
from basemodel_ops.stages.tasks.recommendation_artifact import Recipe, RecommendationArtifact
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.cold_start import measure_by_history
from basemodel_ops.tasks.influence import mean_moved, standard_error
from basemodel_ops.tasks.interactions import InteractionSnapshot, ItemModels, sequences_before
from basemodel_ops.tasks.pair_features import PairFeatures
from basemodel_ops.tasks.ranker import Ranker, ranking_pairs
from basemodel_ops.tasks.rankings import RERANKED, Metrics, Rankings, blended, policies_of
from basemodel_ops.tasks.recommendation import retrieve_candidates
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query, entities, measure_scores, ndcg_by_row
from basemodel_ops.warehouse.base import Warehouse
from basemodel_ops.warehouse.queries import task_population_query

CUTOFFS = 2
"""Newest cutoffs of validation and of test that are asked, where enough of their entities take an item."""

TAKING = 1_000
"""Entities that take an item, of all cutoffs asked of a part: while there are fewer, an earlier one is asked too."""

ENTITIES = 8_000
"""Entities asked at a cutoff, to learn and to measure."""

EVENTS = 6_000_000
"""Events, of whole histories, that say what follows what, at most; how popular an item is is counted of all."""


class RecommendationContext:
    """The items of a task with all that is known of them, and histories of entities up to a moment."""

    def __init__(self, ws: Workspace, warehouse: Warehouse, task: Task, before: int, chosen: Chosen = EVERYONE) -> None:
        """Read the histories of the chosen entities strictly before `before`."""
        target = target_of(task)
        self._column, self._share = target.column, chosen.share
        self._history: History
        self.entities: Vocabulary
        self._history, self.vectors, self.entities = read_items(ws, warehouse, task, before, chosen)
        encoder = EncoderArtifact.current(ws, target.source)
        self.items: Vocabulary = encoder.vocabulary(target.column)
        self._attributes = encoder.attribute_codes(target.column)
        self._eligible = None if task.offers is None else read_eligible_items(warehouse, task, self.items)

    def sequences(self, end: int) -> Sequences:
        """The items of all entities strictly before `end`."""
        return sequences_before(self._history, self._column, end)

    def learn(self, end: int, seed: int, log: Callable[[str], None]) -> Retrieval:
        """The query network, from events strictly before `end`."""
        return learn_retrieval(self.sequences(end), self.vectors, seed, log)

    def item_models(self, end: int, network: Retrieval) -> ItemModels:
        """What is known of items from events strictly before `end`, with the network of `learn`."""
        relations = Relations.of(self.sequences(end), len(self.vectors))
        return ItemModels(self.vectors, self._attributes, relations, network)

    def interactions(self, item_models: ItemModels, cutoff: int) -> InteractionSnapshot:
        """What is known of the items strictly before a cutoff."""
        return InteractionSnapshot.before(self._history, self._column, item_models, cutoff, share=self._share)

    def query(self, interactions: InteractionSnapshot, rows: TaskRows, truth: list[np.ndarray]) -> Query:
        """The question of rows of one cutoff, that of `interactions`."""
        pair_features = PairFeatures.of(interactions, self.entities.encode(rows.entity))
        query = query_of(pair_features, self._eligible and self._eligible.at(int(rows.cutoff[0])), truth)
        return replace(query, entity_index=self.entities.encode(rows.entity))


def query_of(pair_features: PairFeatures, eligible: np.ndarray | None, truth: list[np.ndarray]) -> Query:
    """The question of entities, of the items offered to them, bool (items,), or of any."""
    if eligible is None:
        return Query(retrieve_candidates(pair_features), pair_features, truth)
    truth = [items[items >= 0] for items in truth]
    return Query(
        retrieve_candidates(pair_features, eligible), pair_features, [items[eligible[items]] for items in truth]
    )


def target_of(task: Task) -> Target:
    """The event column that a task recommends; DataError where it names none."""
    if task.predicts is None:
        raise DataError(f"Task {task.name} does not say which event column it recommends. Add `predicts`.")
    return task.predicts


def recommendation_model(ws: Workspace, task: str) -> Report:
    """Learn what ranks the items; the artifact holds all that scoring needs, and the metrics of all candidates."""
    declared, snapshot = ws.contract.task(task), ws.snapshot()
    events = snapshot.events[target_of(declared).source]

    def write(ws: Workspace, writer: ArtifactWriter) -> tuple[dict[str, float | int | str], dict[str, bytes]]:
        plan, chosen = snapshot.plans[task], sample_of(min(ws.settings.embedding_events, EVENTS), events)
        chosen = replace(chosen, cold=(task_population_query(declared),))
        with ws.warehouse() as warehouse:
            rows = load_task_rows(warehouse, declared, snapshot.times, plan)
            context = RecommendationContext(ws, warehouse, declared, snapshot.times.data_end, chosen)
            if chosen.share < 1:
                rows = rows.take(np.flatnonzero(context.entities.encode(rows.entity) >= 0))
            positive_items = read_positive_items(warehouse, declared, plan.read)
        selected, validation, test = fit_recommendation(
            ws, declared, rows, context, positive_items, snapshot.times, writer
        )
        RecommendationArtifact.write_metrics(writer, FittedMetrics(selected, validation, test))
        return report_fit(plan, Fit(selected, validation, test)), {}

    return ws.materialize(RecommendationArtifact.key(task), write)


def fit_recommendation(
    ws: Workspace,
    task: Task,
    rows: TaskRows,
    context: RecommendationContext,
    positive_items: PositiveItems,
    times: Times,
    writer: ArtifactWriter,
) -> tuple[str, Metrics, Metrics]:
    """Weights and a ranker from the validation cutoffs; the shipped one, and the metrics of all on both parts."""
    seed = ws.settings.seed
    end = times.training_end
    network = context.learn(end, seed, lambda line: ws.log(f"{task.name}: {line}"))
    item_models = context.item_models(end, network)
    RecommendationArtifact.write_items(writer, network, item_models.relations)
    queries: dict[str, list[Query]] = {"validation": [], "test": []}
    samples: dict[str, list[TaskRows]] = {"validation": [], "test": []}
    generator = np.random.default_rng(seed)
    for part, part_queries in queries.items():
        for sample, truth in query_rows(rows, part, lambda s: positive_items.items_of(s, context.items), generator):
            samples[part].append(sample)
            interactions = context.interactions(item_models, int(sample.cutoff[0]))
            part_queries.append(context.query(interactions, sample, truth))
            ws.log(f"{task.name}: {len(sample.cutoff)} entities of {part}")
    _refuse_untaken(task, queries)
    sampled = [(part, cutoff) for part, rows in samples.items() for sample in rows for cutoff in sample.cutoff.tolist()]
    used = parts_used(task, np.array([when for _, when in sampled], np.int64), np.array([part for part, _ in sampled]))
    RecommendationArtifact.write_parts(writer, used)
    newest = (queries["test"] or queries["validation"])[-1].pair_features.interactions
    RecommendationArtifact.write_repeats(writer, newest.item_statistics.repeats)
    rankings = Rankings.learn(queries["validation"], seed, policies_of(task), task.diversity)
    if rankings.ranker is not None:
        RecommendationArtifact.write_measured_ranker(writer, rankings.ranker)
    test = blended(queries["test"], rankings.blend)
    scores = {candidate: rankings.scores_of(test, candidate) for candidate in rankings.metrics}
    measured = {candidate: measure_scores(test, values) for candidate, values in scores.items()}
    selected, training_pairs = rankings.selected, rankings.training_pairs
    kept = ranked_predictions(task, samples["test"], test, (scores[selected], scores["baseline"]), context.items.values)
    keep_predictions(ws, task.name, kept, writer)
    gained = ndcg_by_row(test, scores[selected]) - ndcg_by_row(test, scores["baseline"])
    noise = standard_error(mean_moved(gained), np.concatenate(entities(test)))
    RecommendationArtifact.write_comparison(writer, Comparison(noise=noise))
    if selected == RERANKED:
        final = Ranker.fit([*training_pairs, *(ranking_pairs(query, seed) for query in test)], seed)
        if final is not None:
            RecommendationArtifact.write_ranker(writer, final)
    weights, policy = rankings.weights.get(selected), rankings.policies[selected]
    RecommendationArtifact.write_recipe(writer, Recipe(selected, weights, policy, end, rankings.blend, rankings.tried))
    RecommendationArtifact.write_metrics_by_history(writer, _apart(test, scores[selected]))
    return selected, rankings.metrics, measured


def query_rows(
    rows: TaskRows, part: str, items_of: Callable[[TaskRows], list[np.ndarray]], generator: np.random.Generator
) -> list[tuple[TaskRows, list[np.ndarray]]]:
    """Rows of the newest cutoffs of a part and the items that each took, the oldest cutoff first.

    `CUTOFFS` of them; more while fewer than `TAKING` of their rows took any, and all together are no more than
    `CUTOFFS` times `ENTITIES`: days of a daily grid have few each.
    """
    results: list[tuple[TaskRows, list[np.ndarray]]] = []
    count = taking = 0
    for cutoff in np.unique(rows.cutoff[rows.part == part])[::-1]:
        members = np.flatnonzero(rows.cutoff == cutoff)
        members = np.sort(generator.choice(members, min(len(members), ENTITIES), replace=False))
        if len(results) >= CUTOFFS and (taking >= TAKING or count + len(members) > CUTOFFS * ENTITIES):
            break
        sample = rows.take(members)
        truth = items_of(sample)
        results.append((sample, truth))
        count, taking = count + len(members), taking + sum(len(items) > 0 for items in truth)
    return results[::-1]


def _apart(queries: list[Query], scores: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Scores, measured of entities that had an item before and of those that had none, where both took some."""
    is_warm = np.concatenate([query.pair_features.activity.any(axis=1) for query in queries])
    took = np.array([len(items) > 0 for query in queries for items in query.truth])
    if not ((is_warm & took).any() and (~is_warm & took).any()):
        return {}

    def measure(rows: np.ndarray) -> dict[str, float]:
        kept = np.isin(np.arange(len(is_warm)), rows)
        ends = np.cumsum([len(query.truth) for query in queries])
        parts = zip(queries, np.split(kept, ends[:-1]), strict=True)
        kept_queries = [
            replace(query, truth=[t if k else t[:0] for t, k in zip(query.truth, is_kept, strict=True)])
            for query, is_kept in parts
        ]
        return measure_scores(kept_queries, scores)

    return measure_by_history(is_warm, measure)


def _refuse_untaken(task: Task, queries: dict[str, list[Query]]) -> None:
    """DataError if nobody took an item, of those that may be named, in a part."""
    for part, part_queries in queries.items():
        if not any(len(items) for query in part_queries for items in query.truth):
            what = "positive rows" if task.offers is None else f"positive rows of what {task.offers} offers"
            raise DataError(
                f"Task {task.name} has no {what} for {part}: of {task.entity}s with events before. Return the items "
                "of all complete cutoffs."
            )
