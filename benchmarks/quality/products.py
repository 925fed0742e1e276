"""What comes next: the product's rankers beside reference recommenders, for the same entities at the same moments."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from basemodel_ops.encoders import Vocabulary
from basemodel_ops.stages import Workspace, task_model
from basemodel_ops.stages.snapshot.task_rows import TaskRows, load_task_rows
from basemodel_ops.stages.tasks.positive_items import PositiveItems, read_positive_items
from basemodel_ops.stages.tasks.recommendation import CUTOFFS, ENTITIES
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommendation_context import RecommendationContext
from basemodel_ops.tasks.metrics import ranking_by_row
from basemodel_ops.tasks.recommendation import Weights, candidate_weights
from basemodel_ops.tasks.reranking import apply_policy, never_had
from benchmarks.quality.events import Events
from benchmarks.quality.hand_ranker import HandRanker, pairs_at
from benchmarks.quality.intervals import difference, interval, resamples
from benchmarks.quality.ranking import WEIGHTS, ItemModels, counts, rank, scores_at

KINDS = ("all", "new")
"""All items, and those that the entity never had before."""

METRICS = ("recall_20", "ndcg_10")


@dataclass(frozen=True)
class Moment:
    """Entities at one cutoff, what each took next and what it had before; items as `Events` codes them."""

    rows: TaskRows
    entity_index: np.ndarray
    truth: list[np.ndarray]
    had: csr_matrix

    @property
    def cutoff(self) -> int:
        """The moment itself, microseconds."""
        return int(self.rows.cutoff[0])

    def measure(self, ranked: np.ndarray, ranked_new: np.ndarray) -> np.ndarray:
        """Metrics (entities, kinds, metrics) of the best items; not a number where there was nothing to find."""
        fresh = never_had(self.truth, self.had)
        result = [ranking_by_row(self.truth, ranked), ranking_by_row(fresh, ranked_new)]
        return np.stack([np.stack([values[name] for name in METRICS], axis=1) for values in result], axis=1)


def _moments(
    rows: TaskRows, part: str, events: Events, result: PositiveItems, newest: int, seed: int
) -> Iterator[Moment]:
    """The newest cutoffs of a part, each with as many entities as the product asks at most."""
    items = Vocabulary(pa.array(events.items), np.bincount(events.item, minlength=len(events.items)))
    generator = np.random.default_rng(seed)
    for cutoff in np.unique(rows.cutoff[rows.part == part])[-newest:]:
        selected_rows = np.flatnonzero(rows.cutoff == cutoff)
        chosen = rows.take(np.sort(generator.choice(selected_rows, min(len(selected_rows), ENTITIES), replace=False)))
        entity_index = events.entities.get_indexer(chosen.entity.to_pandas())
        had = csr_matrix(counts(events, int(cutoff))[entity_index])
        had.sum_duplicates()
        yield Moment(chosen, entity_index, result.items_of(chosen, items), had)


class Product:
    """The rankers of a fitted task as its artifact keeps them, learnt and chosen on the validation cutoffs."""

    def __init__(
        self,
        context: RecommendationContext,
        result: PositiveItems,
        events: Events,
        end: int,
        fitted: RecommendationArtifact,
    ) -> None:
        self._context, self._positive_items, recipe = context, result, fitted.recipe
        self._codes = events.items.get_indexer(context.items.values.to_pandas())
        self._training = context.item_models(end, fitted.network(context.vectors))
        self._weights: dict[str, Weights] = candidate_weights(recipe.blend)
        # The ranker that was fitted on validation alone; the one that ships has learnt from the test too.
        self._ranker = fitted.measured_ranker
        self.selected, self._policy = recipe.shipped, recipe.policy

    def measure(self, moment: Moment) -> dict[str, np.ndarray]:
        """Metrics of every candidate; what ships follows its policy for items already had."""
        truth = self._positive_items.items_of(moment.rows, self._context.items)
        query = self._context.query(self._context.interactions(self._training, moment.cutoff), moment.rows, truth)
        query = replace(query, weights=self._weights["blend"])
        scores = {name: query.candidates.scores(weights) for name, weights in self._weights.items()}
        if self._ranker is not None:
            scores["reranked"] = self._ranker.scores(query)
        (scores[self.selected],) = apply_policy(self._policy, [query], [scores[self.selected]])
        new = query.unseen.candidates
        return {
            name: moment.measure(*(self._named(part.best(current, 20)[0]) for part in (query.candidates, new)))
            for name, current in scores.items()
        }

    def _named(self, items: np.ndarray) -> np.ndarray:
        return np.where(items >= 0, self._codes[np.maximum(items, 0)], items)


class References:
    """The reference recommenders, a blend of two whose weight is chosen on the validation cutoffs, and a ranker of
    hand-made numbers that learns from them."""

    def __init__(self, events: Events, end: int, moments: list[Moment], seed: int, quick: bool) -> None:
        self._events, self._models = events, ItemModels.fit(events, end)
        gains = np.zeros(len(WEIGHTS))
        trained = []
        for moment in moments:
            scores, items, had = scores_at(events, self._models, moment.entity_index, moment.cutoff)
            trained.append((pairs_at(events, moment.entity_index, moment.cutoff, scores, items, had), moment.truth))
            for row_index, weight in enumerate(WEIGHTS):
                ranked = rank(_blend(scores, weight), items)
                gains[row_index] += np.nanmean(ranking_by_row(moment.truth, ranked)["ndcg_10"])
        self._weight = WEIGHTS[int(gains.argmax())]
        self._ranker = HandRanker(trained, seed, quick)

    def measure(self, moment: Moment) -> dict[str, np.ndarray]:
        """Metrics of every reference."""
        scores, items, had = scores_at(self._events, self._models, moment.entity_index, moment.cutoff)
        pairs = pairs_at(self._events, moment.entity_index, moment.cutoff, scores, items, had)
        scores["ease + personal"] = _blend(scores, self._weight)
        result = {
            name: moment.measure(rank(current, items), rank(current, items, ~had)) for name, current in scores.items()
        }
        ranked = (self._ranker.rank(pairs, allowed) for allowed in (np.True_, ~pairs.had))
        return result | {"hand LightGBM": moment.measure(*ranked)}


def _blend(scores: dict[str, np.ndarray], weight: float) -> np.ndarray:
    return weight * scores["ease"] + (1 - weight) * scores["personal"]


def products(
    ws: Workspace, name: str, events: Events, end: int, seed: int, quick: bool
) -> tuple[dict[str, Any], dict[str, float]]:
    """The report of a recommendation, of all items and of new ones, and the seconds both sides took to fit."""
    task = ws.contract.task(name)
    seconds = {"product": float(task_model(ws, name).metrics["seconds"])}
    with ws.warehouse() as warehouse:
        times = ws.times(warehouse)
        rows, result = load_task_rows(warehouse, task, times), read_positive_items(warehouse, task)
        context = RecommendationContext(ws, warehouse, task, times.data_end)
    validation = list(_moments(rows, "validation", events, result, CUTOFFS, seed))
    started = time.perf_counter()
    references = References(events, end, validation, seed, quick)
    seconds["baseline"] = time.perf_counter() - started
    halves = Product(context, result, events, end, RecommendationArtifact.current(ws.store, name)), references
    parts: list[dict[str, list[np.ndarray]]] = [{}, {}]
    owners, spent = [], []
    for moment in _moments(rows, "test", events, result, len(times.cutoffs), seed):
        owners.append(moment.entity_index)
        for side, batched in zip(halves, parts, strict=True):
            started = time.perf_counter()
            for method, values in side.measure(moment).items():
                batched.setdefault(method, []).append(values)
        spent.append(time.perf_counter() - started)
    # The product's stage answers the newest moments of the test too; so do the seconds of the references.
    seconds["baseline"] += sum(spent[-CUTOFFS:])
    ours, theirs = ({method: np.concatenate(values) for method, values in batched.items()} for batched in parts)
    draws = resamples(np.concatenate(owners), 40 if quick else 200, seed)
    selected = halves[0].selected
    kinds = {kind: _paired(ours[selected], theirs, n, draws) for n, kind in enumerate(KINDS)}
    return {
        "metric": "ndcg_10",
        "shipped_name": selected,
        **kinds["all"],
        "candidates": {method: _figures(values) for method, values in ours.items()},
        "baselines": {method: _figures(values) for method, values in theirs.items()},
        "new": kinds["new"],
    }, seconds


def _paired(ours: np.ndarray, theirs: dict[str, np.ndarray], kind: int, draws: list[np.ndarray]) -> dict[str, Any]:
    """NDCG@10 of what ships for a kind of items, and its difference from the best reference, both by entity."""

    def of(values: np.ndarray) -> Any:
        column = values[:, kind, METRICS.index("ndcg_10")]
        return lambda rows: float(np.nanmean(column[rows]))

    everything = np.arange(len(ours))
    best = max(theirs, key=lambda method: of(theirs[method])(everything))
    return {
        "shipped": round(of(ours)(everything), 4),
        "interval": interval(of(ours), draws),
        "best_baseline": best,
        "against_best_baseline": difference(of(ours), of(theirs[best]), draws),
    }


def _figures(values: np.ndarray) -> dict[str, dict[str, float]]:
    means = np.nanmean(values, axis=0)
    return {
        kind: {name: round(float(value), 4) for name, value in zip(METRICS, row, strict=True)}
        for kind, row in zip(KINDS, means, strict=True)
    }
