"""Recommendation: personal history, popularity and closeness in Cleora space, blended on validation."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from basemodel_ops.representation.history import DAY, History
from basemodel_ops.tasks.metrics import ranking_metrics

PERSONAL_HALF_LIFE = 60.0
RECENT_DAYS = 56

GRID = [(p, c) for p in (0.01, 0.03, 0.1) for c in (0.0, 0.01, 0.03, 0.1)]
"""Weights of popularity and closeness beside personal history at weight 1."""


@dataclass(frozen=True)
class Evidence:
    """What ranks items for a set of entities at one cutoff."""

    personal: csr_matrix  # (entities, items) decayed counts, each row at length 1
    popularity: np.ndarray  # (items,) recent counts, the largest at 1; items not sold recently at 0
    query: np.ndarray  # (entities, dimension) unit length

    def scores(self, vectors: np.ndarray, weights: tuple[float, float], low: int, high: int) -> np.ndarray:
        """Scores of all items for entities `low` to `high`, float32; items not sold recently last."""
        popular, close = weights
        scores = np.asarray(self.personal[low:high].todense(), dtype=np.float32)
        scores += popular * self.popularity.astype(np.float32)
        if close:
            scores += close * np.maximum(self.query[low:high] @ vectors.T, 0)
        scores[:, self.popularity == 0] = -1
        return scores

    def rank(self, vectors: np.ndarray, weights: tuple[float, float], k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best items and their scores, the best first: (entities, k) each."""
        items, values = [], []
        for low in range(0, len(self.query), 256):
            scores = self.scores(vectors, weights, low, min(low + 256, len(self.query)))
            best = np.argpartition(-scores, k, axis=1)[:, :k]
            own = np.take_along_axis(scores, best, axis=1)
            order = np.lexsort((best, -own), axis=1)
            items.append(np.take_along_axis(best, order, axis=1))
            values.append(np.take_along_axis(own, order, axis=1))
        return np.concatenate(items), np.concatenate(values)


def gather_evidence(history: History, column: str, vectors: np.ndarray, entities: np.ndarray, cutoff: int) -> Evidence:
    """Evidence strictly before `cutoff` (microseconds) for the entities (indices)."""
    owner = np.repeat(np.arange(history.entities), np.diff(history.start))
    codes, items = history.codes[column], len(vectors)
    seen = (history.time < cutoff) & (codes >= 0)
    age = (cutoff - history.time[seen]) / DAY
    weight = np.exp2(-age / PERSONAL_HALF_LIFE)
    everyone = csr_matrix((weight, (owner[seen], codes[seen])), shape=(history.entities, items))
    chosen = csr_matrix(
        (np.ones(len(entities)), (np.arange(len(entities)), entities)), (len(entities), history.entities)
    )
    personal = csr_matrix(chosen @ everyone)
    length = np.sqrt(np.asarray(personal.multiply(personal).sum(axis=1)).ravel())
    scale = csr_matrix((1 / np.maximum(length, 1e-9), (np.arange(len(entities)), np.arange(len(entities)))))
    recent = np.bincount(codes[seen][age < RECENT_DAYS], minlength=items).astype(np.float64)
    query = np.asarray(personal @ vectors)
    norm = np.linalg.norm(query, axis=1, keepdims=True)
    query = np.divide(query, norm, out=np.zeros_like(query), where=norm > 0).astype(np.float32)
    return Evidence(csr_matrix(scale @ personal), recent / max(recent.max(), 1), query)


CANDIDATES = {"popularity": (1000.0, 0.0), "personal": (1e-6, 0.0)}
"""Baselines as weights: popularity alone; personal frequency filled up with popularity."""


def choose_blend(
    evidence: list[Evidence], truth: list[list[np.ndarray]], vectors: np.ndarray
) -> tuple[tuple[float, float], dict[str, float]]:
    """Weights with the best NDCG@10 over validation cutoffs, and that metric per tried pair."""
    tried = {}
    for weights in GRID:
        ranked = np.concatenate([part.rank(vectors, weights, 20)[0] for part in evidence])
        tried[weights] = ranking_metrics([items for part in truth for items in part], ranked)["ndcg_10"]
    best = max(tried, key=lambda weights: tried[weights])
    return best, {f"popularity {p:g}, closeness {c:g}": value for (p, c), value in tried.items()}
