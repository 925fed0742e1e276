"""Recommendation: the items that each kind of evidence puts forward, and weights of the kinds chosen on validation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from basemodel_ops.foundation.retrieval import START
from basemodel_ops.representation.workers import parallel_map
from basemodel_ops.tasks.kernels import top_k_indices
from basemodel_ops.tasks.pair_features import PairFeatures

KINDS = ("personal", "popular", "close", "follows", "learnt")
"""Own history; what sells; closeness in Cleora space; what follows the newest items; the query network."""

Weights = tuple[float, ...]
"""One weight per kind."""

BASELINES: dict[str, Weights] = {"baseline": (1, 1e-6, 0, 0, 0), "popularity": (0, 1, 0, 0, 0)}
"""Personal frequency, filled up with popularity; and popularity alone."""

SINGLES: dict[str, Weights] = {
    "closeness": (0, 0, 1, 0, 0), "transitions": (0, 0, 0, 1, 0), "network": (0, 0, 0, 0, 1)
}  # fmt: skip
"""What was learnt of items, each alone."""

STEPS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Weights that are tried of each kind."""

NO_ITEM = -(2**31)
"""Stands in a ranking where there is no item; no code of an unknown item is as low."""

PER_KIND = 100
"""Items that each kind of evidence puts forward per entity."""

PART = 128
"""Entities for which all items are scored at once."""

COMPARED = 16_384
"""Items that every entity is compared with, at most: of more, the most popular, and those that it had itself."""

TEMPERATURE = 10.0
"""Logits of the network below its best at which an item's evidence is none."""


@dataclass(frozen=True)
class CandidateSet:
    """Items put forward per entity, and what speaks for each; an item put forward twice counts once."""

    items: np.ndarray  # (entities, candidates) int32
    retrieval_scores: np.ndarray  # (entities, candidates, kinds) float32
    is_first: np.ndarray  # (entities, candidates) bool

    def scores(self, weights: Weights) -> np.ndarray:
        """Weighted evidence, float32 (entities, candidates)."""
        return self.retrieval_scores @ np.asarray(weights, np.float32)

    def best(self, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best items by scores (entities, candidates), and these; `NO_ITEM` at -inf where there are fewer."""
        scores = np.where(self.is_first, scores, -np.inf)
        most = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k] if scores.shape[1] else self.items
        most = np.sort(most, axis=1)  # candidates are sorted by item, so equal scores keep that order
        order = np.argsort(-np.take_along_axis(scores, most, axis=1), axis=1, kind="stable")
        order = np.take_along_axis(most, order, axis=1)
        result = np.take_along_axis(scores, order, axis=1)
        return np.where(np.isfinite(result), np.take_along_axis(self.items, order, axis=1), NO_ITEM), result

    def without_had(self, scores: np.ndarray) -> np.ndarray:
        """The scores, -inf for items that the entity already had."""
        return np.where(self.retrieval_scores[:, :, 0] > 0, -np.inf, scores)


def candidate_weights(blend: Weights) -> dict[str, Weights]:
    """Weights of every way of ranking that has some, by name."""
    return {**BASELINES, **SINGLES, "blend": blend}


def retrieve_candidates(pair_features: PairFeatures, eligible: np.ndarray | None = None) -> CandidateSet:
    """What each kind of evidence puts forward: of the offered items, bool (items,), or else of those seen lately.

    Of a large catalogue the `COMPARED` most popular are compared with everybody, others with those who had them.
    """
    popular = np.expm1(pair_features.interactions.item_statistics.popularity[-1])
    seen = np.flatnonzero(popular > 0 if eligible is None else eligible)
    is_near = np.zeros(len(popular), bool)
    is_near[seen[np.argsort(-popular[seen], kind="stable")[:COMPARED]]] = True
    popular = (popular / max(popular.max(initial=0), 1e-12)).astype(np.float32)
    count = len(pair_features.queries)
    # One part even without entities, for its shape.
    bounds = [(low, min(low + PART, count)) for low in range(0, max(count, 1), PART)]

    def work(bound: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _part(pair_features, seen, is_near, popular, np.arange(*bound))

    parts = list(parallel_map(work, bounds))
    return CandidateSet(*(np.concatenate([part[i] for part in parts]) for i in range(3)))


def _part(
    pair_features: PairFeatures, seen: np.ndarray, is_near: np.ndarray, popular: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    decayed_counts = pair_features.decayed_counts[2][chosen]
    is_large = len(seen) > COMPARED
    if is_large:
        is_in_history = np.zeros(len(is_near), bool)
        is_in_history[decayed_counts.indices] = True
        seen = seen[is_near[seen] | is_in_history[seen]]
    length = np.sqrt(np.asarray(decayed_counts.multiply(decayed_counts).sum(axis=1)))
    personal = np.asarray(decayed_counts[:, seen].todense()) / np.maximum(length, 1e-9)
    query = np.einsum("p,epd->ed", np.asarray(START, np.float32), pair_features.pools[chosen])
    query /= np.maximum(np.linalg.norm(query, axis=1, keepdims=True), 1e-9)
    similarity = np.maximum(query @ pair_features.interactions.item_models.vectors[seen].T, 0)
    (follows,) = pair_features.follows(chosen, np.tile(seen, (len(chosen), 1)), slice(1, 2))
    logits = pair_features.logits(chosen, seen)
    personal = personal.astype(np.float32)
    if is_large:  # what only others had is not put forward: they change nothing
        others = np.flatnonzero(~is_near[seen])
        row, column = np.nonzero(personal[:, others] == 0)
        for scores in (personal, similarity, follows, logits):
            scores[row, others[column]] = -np.inf
    follows /= np.maximum(follows.max(axis=1, keepdims=True, initial=0), 1e-9)
    logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
    logits /= TEMPERATURE
    logits += 1
    np.maximum(logits, 0, out=logits, where=logits > -np.inf)
    kinds = [personal, np.broadcast_to(popular[seen], personal.shape), similarity, follows, logits]
    per_entity = min(PER_KIND, len(seen))
    if per_entity == 0:
        return (
            np.zeros((len(chosen), 0), np.int32),
            np.zeros((len(chosen), 0, len(KINDS)), np.float32),
            personal[:, :0] > 0,
        )
    # Popularity is the same for all: one row of it is enough.
    kind_scores = [scores[:1] if kind == "popular" else scores for kind, scores in zip(KINDS, kinds, strict=True)]
    best = [np.broadcast_to(top_k_indices(scores, per_entity), (len(chosen), per_entity)) for scores in kind_scores]
    items = np.sort(np.hstack(best), axis=1)
    retrieval_scores = np.stack([np.take_along_axis(scores, items, axis=1) for scores in kinds], axis=2)
    return seen[items].astype(np.int32), retrieval_scores, np.diff(items, axis=1, prepend=-1) != 0


def choose_blend(measure: Callable[[Weights], float], rounds: int = 2) -> tuple[Weights, dict[str, float]]:
    """Weights that measure best, each kind of evidence alone among those tried, and all tried.

    From the best kind alone, one weight after the other is moved to where it measures best.
    """
    tried: dict[Weights, float] = {}

    def value(weights: Weights) -> float:
        if weights not in tried:
            tried[weights] = measure(weights)
        return tried[weights]

    best = max([*BASELINES.values(), *SINGLES.values()], key=value)
    for _ in range(rounds):
        for kind in range(len(KINDS)):
            best = max([best, *((*best[:kind], step, *best[kind + 1 :]) for step in STEPS)], key=value)
    named = {", ".join(f"{kind} {w:g}" for kind, w in zip(KINDS, ws, strict=True) if w): v for ws, v in tried.items()}
    return best, named
