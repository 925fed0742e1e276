"""The next item of a sequence: every item is ranked for the last one of every user (leave-last-one-out)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.foundation.retrieval import Sequences
from basemodel_ops.stages import Workspace, embeddings, encoders, task_model
from basemodel_ops.stages.snapshot.task_rows import TaskRows, load_task_rows
from basemodel_ops.stages.tasks.positive_items import read_positive_items
from basemodel_ops.stages.tasks.recommendation_artifact import RecommendationArtifact
from basemodel_ops.stages.tasks.recommendation_context import RecommendationContext
from basemodel_ops.tasks.recommendation import candidate_weights
from basemodel_ops.tasks.reranking import Query, apply_policy
from benchmarks.quality.intervals import difference, interval, resamples

K = 10
DISCOUNT = 1 / np.log2(np.arange(2, K + 2))
QUERY_ROWS = 2_000
"""Users whose scores of all items are in memory at once."""

LARGEST = 8_000
"""Items that EASE is solved for."""


@dataclass(frozen=True)
class References:
    """Recommenders fitted on everybody's sequences without their last two items."""

    vectors: np.ndarray
    popularity: np.ndarray
    follows: csr_matrix
    near: csr_matrix
    ease: np.ndarray
    ease_items: np.ndarray

    @classmethod
    def fit(cls, known: Sequences, vectors: np.ndarray, penalty: float = 200.0) -> "References":
        """Counts of pairs by plain sums over gaps; EASE in closed form."""
        items = len(vectors)
        entity_index = np.repeat(np.arange(len(known.start) - 1), np.diff(known.start))
        popularity = np.bincount(known.item, minlength=items).astype(np.float32)

        def pairs(gap: int) -> csr_matrix:
            same = entity_index[gap:] == entity_index[:-gap]
            row_indices = known.item[:-gap][same], known.item[gap:][same]
            return csr_matrix((np.ones(int(same.sum()), np.float32), row_indices), (items, items))

        near = csr_matrix((items, items), dtype=np.float32)
        for gap in range(1, 6):
            near = near + pairs(gap) / gap + pairs(gap).T * (0.5 / gap)
        scale = diags_array((1 / np.sqrt(np.maximum(popularity, 1))).astype(np.float32))
        best = np.sort(np.argsort(-popularity, kind="stable")[:LARGEST])
        row_index = np.full(items, -1)
        row_index[best] = np.arange(len(best))
        chosen = row_index[known.item] >= 0
        table = csr_matrix(
            (np.ones(int(chosen.sum()), np.float32), (entity_index[chosen], row_index[known.item[chosen]])),
            (len(known.start) - 1, len(best)),
        )
        gram = csr_matrix(table.T @ table).toarray()
        gram[np.diag_indices_from(gram)] += penalty
        ease = np.linalg.inv(gram)
        ease /= -np.diag(ease)
        np.fill_diagonal(ease, 0)
        return cls(vectors, popularity, pairs(1), csr_matrix(scale @ near), ease, best)

    def scores(self, histories: list[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
        """Scores (histories, items) of each recommender in turn; ties are broken by popularity."""
        items = len(self.popularity)
        row = np.repeat(np.arange(len(histories)), [len(current) for current in histories])
        flat = np.concatenate(histories)
        back = np.concatenate([np.arange(len(current))[::-1] for current in histories])

        def decayed(half_life: float) -> csr_matrix:
            return csr_matrix((np.exp2(-back / half_life).astype(np.float32), (row, flat)), (len(histories), items))

        ties = 1e-6 * self.popularity / self.popularity.max()
        yield "popularity of all time", np.broadcast_to(self.popularity, (len(histories), items))
        yield "last-item Markov", csr_matrix(decayed(1e-3) @ self.follows).toarray() + ties
        yield "window transitions, half-life 3", csr_matrix(decayed(3) @ self.near).toarray() + ties
        query = decayed(1) @ self.vectors
        query /= np.maximum(np.linalg.norm(query, axis=1, keepdims=True), 1e-9)
        yield "Cleora cosine, untrained", query @ self.vectors.T + ties
        ease = np.broadcast_to(ties, (len(histories), items)).copy()
        ease[:, self.ease_items] += decayed(3)[:, self.ease_items] @ self.ease
        yield "EASE, half-life 3", ease


def places_of(scores: np.ndarray, truth: np.ndarray, histories: list[np.ndarray] | None) -> np.ndarray:
    """Rank of the true item of each row among all items, 0 the best; items of the histories left out if given."""
    wanted = np.take_along_axis(scores, truth[:, None], axis=1)
    prefetched = (scores > wanted).sum(axis=1)
    for row, current in enumerate(histories or []):
        prefetched[row] -= (scores[row, np.unique(current)] > wanted[row]).sum()
    return prefetched


def gains(row_indices: np.ndarray) -> dict[str, np.ndarray]:
    """Whether the true item is among the first ten, and its discounted gain, (rows,) each."""
    hit = (row_indices >= 0) & (row_indices < K)
    return {"hr_10": hit.astype(float), "ndcg_10": np.where(hit, DISCOUNT[np.clip(row_indices, 0, K - 1)], 0)}


def next_items(ws: Workspace, name: str, seed: int, quick: bool) -> dict[str, Any]:
    """The report of a task that asks for one next item, over all users of its test cutoff."""
    task = ws.contract.task(name)
    for source in [*ws.contract.events, *ws.contract.attributes]:
        encoders(ws, source.name)
    if task.predicts is not None:
        embeddings(ws, task.predicts.source, task.predicts.column)
    task_model(ws, name)
    fitted = RecommendationArtifact.current(ws.store, name)
    selected, recipe = fitted.metrics.shipped, fitted.recipe
    with ws.warehouse() as warehouse:
        times, result = ws.times(warehouse), read_positive_items(warehouse, task)
        rows = load_task_rows(warehouse, task, times)
        context = RecommendationContext(ws, warehouse, task, times.data_end)
    training = context.item_models(times.training_end, fitted.network(context.vectors))

    def queries_of(part: str) -> Iterator[tuple[TaskRows, Query]]:
        selected_rows = np.flatnonzero(rows.part == part)
        snapshot = context.interactions(training, int(rows.cutoff[selected_rows[0]]))
        for low in range(0, len(selected_rows), QUERY_ROWS):
            subset = rows.take(selected_rows[low : low + QUERY_ROWS])
            query = context.query(snapshot, subset, result.items_of(subset, context.items))
            yield subset, replace(query, weights=recipe.blend)

    blends = candidate_weights(recipe.blend)
    # The ranker that was fitted on validation alone; the one that ships has learnt from the test too.
    ranker = fitted.measured_ranker
    references = References.fit(context.sequences(times.training_end), training.vectors)
    found_at: dict[str, dict[str, list[np.ndarray]]] = {"raw": {}, "masked": {}}
    entities, answers = [], {}
    for subset, query in queries_of("test"):
        entities.append(subset.entity.to_numpy())
        truth = np.array([items[0] for items in query.truth])
        known, selected_rows = query.pair_features.interactions.sequences, context.entities.encode(subset.entity)
        histories = [known.item[known.start[entry] : known.start[entry + 1]] for entry in selected_rows]
        for method, scores in references.scores(histories):
            found_at["raw"].setdefault(method, []).append(places_of(scores, truth, None))
            found_at["masked"].setdefault(method, []).append(places_of(scores, truth, histories))
        answers = {method: query.candidates.scores(weights) for method, weights in blends.items()}
        if ranker is not None:
            answers["reranked"] = ranker.scores(query)
        for method, scores in answers.items():
            for view, policy in (("raw", "keep"), ("masked", "remove")):
                best, _ = query.candidates.best(apply_policy(policy, [query], [scores])[0], K)
                is_true = best == truth[:, None]
                found_at[view].setdefault(method, []).append(np.where(is_true.any(axis=1), is_true.argmax(axis=1), -1))
    current = {
        view: {method: gains(np.concatenate(parts)) for method, parts in methods.items()}
        for view, methods in found_at.items()
    }
    draws = resamples(np.concatenate(entities), 100 if quick else 1000, seed)
    view = "masked" if recipe.policy == "remove" else "raw"

    def of(method: str, metric: str) -> Any:
        return lambda chosen: current[view][method][metric][chosen].mean()

    def table(methods: list[str]) -> dict[str, Any]:
        return {
            method: {
                look: {metric: round(float(values.mean()), 4) for metric, values in current[look][method].items()}
                for look in current
            }
            for method in methods
        }

    baselines = [method for method in current[view] if method not in blends and method != "reranked"]
    best = max(baselines, key=lambda method: current[view][method]["ndcg_10"].mean())
    return {
        "metric": "ndcg_10",
        "users": len(current[view][selected]["hr_10"]),
        "items": len(context.items),
        "shipped_name": selected,
        "policy": recipe.policy,
        "shipped": {m: round(float(v.mean()), 4) for m, v in current[view][selected].items()},
        "interval": {metric: interval(of(selected, metric), draws) for metric in ("hr_10", "ndcg_10")},
        "candidates": table([method for method in current[view] if method in answers]),
        "baselines": table(baselines),
        "best_baseline": best,
        "against_best_baseline": {
            metric: difference(of(selected, metric), of(best, metric), draws) for metric in ("hr_10", "ndcg_10")
        },
    }
