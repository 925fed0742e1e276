"""Recommendation: personal history, popularity and closeness in Cleora space, blended on validation."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from basemodel_ops.representation.history import DAY, History
from basemodel_ops.tasks.metrics import ranking_metrics

PERSONAL_HALF_LIFE = 60.0
RECENT_DAYS = 56

GRID = [(1.0, p, c) for p in (0.01, 0.03, 0.1) for c in (0.0, 0.01, 0.03, 0.1)]
"""Weights of personal history, popularity and closeness."""

BASELINES = {"baseline": (1.0, 1e-6, 0.0), "popularity": (0.0, 1.0, 0.0)}
"""Personal frequency, filled up with popularity; and popularity alone."""

CLOSENESS = (0.0, 0.0, 1.0)
"""Closeness alone."""

NOTHING = -(2**31)
"""Stands in a ranking where there is no item; no code of an unknown item is as low."""

EACH = 100
"""Items that each kind of evidence puts forward per entity."""


@dataclass(frozen=True)
class Shortlist:
    """Items put forward per entity, and what speaks for each; an item put forward twice counts once."""

    items: np.ndarray  # (entities, candidates) int32
    evidence: np.ndarray  # (entities, candidates, 3) float32: personal, popular, close
    is_first: np.ndarray  # (entities, candidates) bool

    def rank(self, weights: tuple[float, float, float], k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best items and their scores, the best first, (entities, k) each; fewer where there are fewer items."""
        return whole(*self.best(self.evidence @ np.asarray(weights, np.float32), k))

    def best(self, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The same by scores (entities, candidates); `NOTHING` at -inf where there are fewer items."""
        scores = np.where(self.is_first, scores, -np.inf)
        # Candidates are sorted by item, so equal scores keep that order.
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(scores, order, axis=1)
        return np.where(np.isfinite(found), np.take_along_axis(self.items, order, axis=1), NOTHING), found


def whole(items: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first ranks that every entity has an item at."""
    width = int(np.isfinite(scores).all(axis=0).sum())
    return items[:, :width], scores[:, :width]


@dataclass(frozen=True)
class Evidence:
    """What ranks items for a set of entities at one cutoff."""

    personal: csr_matrix  # (entities, items) decayed counts, each row at length 1
    popularity: np.ndarray  # (items,) recent counts, the largest at 1; items not seen recently at 0
    query: np.ndarray  # (entities, dimension) unit length

    def shortlist(self, vectors: np.ndarray) -> Shortlist:
        """The items seen recently that each kind of evidence puts forward."""
        seen = np.flatnonzero(self.popularity > 0)
        each = min(EACH, len(seen))
        popular = self.popularity[seen].astype(np.float32)
        most = np.argpartition(-popular, each - 1)[:each] if each else seen
        parts = [
            self._part(vectors, seen, popular, most, low, min(low + 256, len(self.query)))
            for low in range(0, max(len(self.query), 1), 256)  # one part even without entities, for its shape
        ]
        return Shortlist(*(np.concatenate([part[i] for part in parts]) for i in range(3)))

    def _part(
        self, vectors: np.ndarray, seen: np.ndarray, popular: np.ndarray, most: np.ndarray, low: int, high: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        personal = np.asarray(self.personal[low:high][:, seen].todense(), dtype=np.float32)
        close = np.maximum(self.query[low:high] @ vectors[seen].T, 0)
        own = [np.argpartition(-scores, len(most) - 1, axis=1)[:, : len(most)] for scores in (personal, close)]
        chosen = np.sort(np.hstack([*own, np.broadcast_to(most, (high - low, len(most)))]), axis=1)
        found = [np.take_along_axis(scores, chosen, axis=1) for scores in (personal, close)]
        is_first = np.diff(chosen, axis=1, prepend=-1) != 0
        return seen[chosen].astype(np.int32), np.stack([found[0], popular[chosen], found[1]], axis=2), is_first


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
    scale = diags_array(1 / np.maximum(length, 1e-9))
    recent = np.bincount(codes[seen][age < RECENT_DAYS], minlength=items).astype(np.float64)
    query = np.asarray(personal @ vectors)
    norm = np.linalg.norm(query, axis=1, keepdims=True)
    query = np.divide(query, norm, out=np.zeros_like(query), where=norm > 0).astype(np.float32)
    return Evidence(csr_matrix(scale @ personal), recent / max(recent.max(), 1), query)


def choose_blend(
    shortlists: list[Shortlist], truth: list[list[np.ndarray]]
) -> tuple[tuple[float, float, float], dict[str, float]]:
    """Weights with the best NDCG@10 over validation cutoffs, each kind of evidence alone among them, and all tried."""
    choices = [*GRID, *BASELINES.values(), CLOSENESS]
    tried = {weights: measure(shortlists, truth, weights)["ndcg_10"] for weights in choices}
    best = max(tried, key=lambda weights: tried[weights])
    return best, {f"personal {o:g}, popularity {p:g}, closeness {c:g}": value for (o, p, c), value in tried.items()}


def measure(
    shortlists: list[Shortlist], truth: list[list[np.ndarray]], weights: tuple[float, float, float]
) -> dict[str, float]:
    """Ranking metrics over the entities of all shortlists; `truth` holds the items of each entity."""
    ranked = [shortlist.rank(weights, 20)[0] for shortlist in shortlists]
    return ranking_metrics([items for part in truth for items in part], np.concatenate(ranked))
