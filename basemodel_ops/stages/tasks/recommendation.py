"""The stage that fits a recommendation: what brings items up, and which ranker is trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from basemodel_ops.artifacts import ArtifactWriter
from basemodel_ops.contract.types import Task
from basemodel_ops.errors import DataError
from basemodel_ops.foundation.retrieval import Retrieval
from basemodel_ops.report import Report
from basemodel_ops.stages.features.reading import sample_of
from basemodel_ops.stages.progress import Log
from basemodel_ops.stages.snapshot.parts import parts_used
from basemodel_ops.stages.snapshot.task_rows import TaskRows, load_task_rows
from basemodel_ops.stages.tasks.fit import Fit, report_fit
from basemodel_ops.stages.tasks.model_artifact import Comparison, FittedMetrics
from basemodel_ops.stages.tasks.positive_items import PositiveItems, read_positive_items
from basemodel_ops.stages.tasks.predictions import keep_predictions, ranked_predictions
from basemodel_ops.stages.tasks.recommendation_artifact import Recipe, RecommendationArtifact
from basemodel_ops.stages.tasks.recommendation_context import RecommendationContext
from basemodel_ops.stages.tasks.targets import target_of
from basemodel_ops.stages.workspace import Workspace
from basemodel_ops.tasks.cold_start import measure_by_history
from basemodel_ops.tasks.influence import mean_moved, standard_error
from basemodel_ops.tasks.ranker import Ranker, ranking_pairs
from basemodel_ops.tasks.rankings import RERANKED, Metrics, Rankings, blended, policies_of
from basemodel_ops.tasks.relations import Relations
from basemodel_ops.tasks.reranking import Query, entities, measure_scores, ndcg_by_row
from basemodel_ops.warehouse.queries import task_population_query

CUTOFFS = 2
"""Newest cutoffs of validation and of test that are asked, where enough of their entities take an item."""

TAKING = 1_000
"""Entities that take an item, of all cutoffs asked of a part: while there are fewer, an earlier one is asked too."""

ENTITIES = 8_000
"""Entities asked at a cutoff, to learn and to measure."""

EVENTS = 6_000_000
"""Events, of whole histories, that say what follows what, at most; how popular an item is is counted of all."""


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
        end, seed = snapshot.times.training_end, ws.settings.seed
        fitted = fit_recommendation(declared, rows, context, positive_items, end, seed, ws.log)
        fitted.write(writer)
        keep_predictions(ws.store, task, fitted.predictions, writer)
        return report_fit(plan, Fit(fitted.rankings.selected, fitted.rankings.metrics, fitted.test)), {}

    return ws.materialize(RecommendationArtifact.key(task), write)


@dataclass(frozen=True)
class FittedRecommendation:
    """What was learnt to rank items, and how it does."""

    network: Retrieval
    relations: Relations
    repeats: np.ndarray  # (items,)
    rankings: Rankings
    ranker: Ranker | None
    """Fitted again with the test, where a ranker gives the scores."""
    recipe: Recipe
    parts: dict[str, str | int]
    test: Metrics
    noise: float
    by_history: Metrics
    predictions: pa.Table

    def write(self, writer: ArtifactWriter) -> None:
        """Write what gives answers, and how good they are."""
        RecommendationArtifact.write_items(writer, self.network, self.relations)
        RecommendationArtifact.write_repeats(writer, self.repeats)
        if self.rankings.ranker is not None:
            RecommendationArtifact.write_measured_ranker(writer, self.rankings.ranker)
        if self.ranker is not None:
            RecommendationArtifact.write_ranker(writer, self.ranker)
        RecommendationArtifact.write_recipe(writer, self.recipe)
        RecommendationArtifact.write_parts(writer, self.parts)
        RecommendationArtifact.write_comparison(writer, Comparison(noise=self.noise))
        RecommendationArtifact.write_metrics_by_history(writer, self.by_history)
        RecommendationArtifact.write_metrics(
            writer, FittedMetrics(self.rankings.selected, self.rankings.metrics, self.test)
        )


def fit_recommendation(
    task: Task, rows: TaskRows, context: RecommendationContext, positive_items: PositiveItems, end: int, seed: int,
    log: Log,
) -> FittedRecommendation:  # fmt: skip
    """Weights and a ranker from the validation cutoffs; what ships is fitted again with the test.

    Args:
        task: Of ranked items.
        rows: Whom it asks about, by part.
        context: The items, and histories.
        positive_items: What was taken.
        end: Of training, microseconds: the network learns from no event since.
        seed: Of the network, the ranker and the entities that are drawn.
        log: Takes a line for each cutoff.
    """
    network = context.learn(end, seed, lambda line: log(f"{task.name}: {line}"))
    item_models = context.item_models(end, network)
    queries: dict[str, list[Query]] = {"validation": [], "test": []}
    samples: dict[str, list[TaskRows]] = {"validation": [], "test": []}
    generator = np.random.default_rng(seed)
    for part, part_queries in queries.items():
        for sample, truth in query_rows(rows, part, lambda s: positive_items.items_of(s, context.items), generator):
            samples[part].append(sample)
            interactions = context.interactions(item_models, int(sample.cutoff[0]))
            part_queries.append(context.query(interactions, sample, truth))
            log(f"{task.name}: {len(sample.cutoff)} entities of {part}")
    _refuse_untaken(task, queries)
    sampled = [(part, cutoff) for part, rows in samples.items() for sample in rows for cutoff in sample.cutoff.tolist()]
    used = parts_used(task, np.array([when for _, when in sampled], np.int64), np.array([part for part, _ in sampled]))
    newest = (queries["test"] or queries["validation"])[-1].pair_features.interactions
    rankings = Rankings.learn(queries["validation"], seed, policies_of(task), task.diversity)
    test = blended(queries["test"], rankings.blend)
    scores = {candidate: rankings.scores_of(test, candidate) for candidate in rankings.metrics}
    measured = {candidate: measure_scores(test, values) for candidate, values in scores.items()}
    selected, training_pairs = rankings.selected, rankings.training_pairs
    kept = ranked_predictions(task, samples["test"], test, (scores[selected], scores["baseline"]), context.items.values)
    gained = ndcg_by_row(test, scores[selected]) - ndcg_by_row(test, scores["baseline"])
    noise = standard_error(mean_moved(gained), np.concatenate(entities(test)))
    final = None
    if selected == RERANKED:
        final = Ranker.fit([*training_pairs, *(ranking_pairs(query, seed) for query in test)], seed)
    weights, policy = rankings.weights.get(selected), rankings.policies[selected]
    recipe = Recipe(selected, weights, policy, end, rankings.blend, rankings.tried)
    return FittedRecommendation(
        network, item_models.relations, newest.item_statistics.repeats, rankings, final, recipe, used, measured, noise,
        _apart(test, scores[selected]), kept,
    )  # fmt: skip


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


def _apart(queries: list[Query], scores: Sequence[np.ndarray]) -> Metrics:
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
